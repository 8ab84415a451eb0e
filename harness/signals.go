package harness

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"pgtest/harness/control"
	"pgtest/jsonstream/result"
	"pgtest/signals"
)

// A run does what its plan for signals says; these are the methods that
// signals.Executor asks for. They are called by the goroutine of loop.
var _ signals.Executor = (*run)(nil)

// InterruptGo makes the go command start nothing new, wait for what runs, and
// remove its work directory. SIGTERM would kill it and leave the directory.
// Tests that do not come to their end from now on were interrupted, unless go had
// died before anybody asked. Another command, whatever it is, gets the signal
// itself as a test does.
func (r *run) InterruptGo() {
	if !r.goGone && !r.unfollowed || r.signals.Cause() != 0 {
		r.interrupted = true
		r.stream.Note(result.Interruption{At: time.Now(), Reason: r.reason()})
	}
	if len(r.cfg.Command) == 0 {
		r.signalGo(syscall.SIGINT)
	}
}

// reason says what ended the run, as it stands in the JUnit report.
func (r *run) reason() string {
	names := map[syscall.Signal]string{
		0: "canceled", syscall.SIGPIPE: "output closed", syscall.SIGINT: "SIGINT",
		syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP", syscall.SIGQUIT: "SIGQUIT",
	}
	return names[r.signals.Cause()]
}

// KillGo kills the go command, and gives up an output that nobody takes. One that
// is read gets its summary, however late. If that was to no avail, it gives up
// whatever still holds what go writes to.
func (r *run) KillGo() {
	if r.goKilled && r.command != nil {
		r.watchdog.Kill()
		r.closeEvents()
	}
	r.lost, r.goKilled = true, true
	r.signalGo(syscall.SIGKILL)
	r.hurryOutputs()
}

// hurryOutputs gives up the outputs that nobody takes.
func (r *run) hurryOutputs() {
	for _, o := range r.outlets {
		o.abandonWhenStuck()
	}
}

// signalGo signals the go command's group: itself and its tools. The
// supervisors have sessions of their own. If tests have the terminal it signals
// go alone.
func (r *run) signalGo(sig syscall.Signal) { r.watchdog.Signal(sig) }

// SignalTests sends a signal to every test binary and what it started. Input has
// nobody to be signalled, and is read to its end if that comes in time.
func (r *run) SignalTests(sig syscall.Signal) {
	if len(r.cfg.Command) > 0 {
		r.signalGo(sig)
	}
	if sig != syscall.SIGKILL {
		r.order(control.Order{Signal: sig})
		return
	}
	r.order(control.Order{Kill: true})
	if r.goGone && !r.anyThere() {
		r.hurryOutputs() // nothing else is left to end
	}
	if r.input != nil {
		r.input.cut()
	}
}

// Stop stops the go command first, so that it starts nothing more. Supervisors that
// have connected already would not be heard of until the run continues.
//
// Tests that have the terminal were stopped together with this process, and may
// have put the terminal into order first.
func (r *run) Stop() {
	r.watch.clock.Stop(time.Now())
	if !r.cfg.Terminal {
		r.signalGo(syscall.SIGSTOP)
		r.SignalTests(syscall.SIGSTOP)
		r.hearConnected(time.After(stopPatience))
	}
	r.hideLive()
}

// stopPatience is how long the tests that have just started may keep a run from
// stopping.
const stopPatience = time.Second

// Continue continues what Stop stopped.
func (r *run) Continue() {
	r.watch.clock.Continue(time.Now())
	if !r.cfg.Terminal {
		r.SignalTests(syscall.SIGCONT)
		r.signalGo(syscall.SIGCONT)
	}
}

// Explain prints a line on standard error.
func (r *run) Explain(line string) { r.stream.Note(result.Message(line)) }

// Report prints what is running, a line each.
func (r *run) Report() {
	now := time.Now()
	text := ""
	for _, running := range r.running() {
		text += "pgtest: running: " + r.describe(running, now) + "\n"
	}
	if text == "" && r.command == nil {
		text = "pgtest: no test is running\n"
	} else if text == "" {
		text = fmt.Sprintf("pgtest: no test is running; %s is pid %d\n", r.commandName(), r.watchdog.CommandPID())
	}
	r.stream.Note(result.Message(strings.TrimSuffix(text, "\n")))
}

// describe is a line about a running package or test.
func (r *run) describe(running result.Running, now time.Time) string {
	elapsed := now.Sub(running.Started).Seconds()
	if running.Test != "" {
		paused := ""
		if running.Paused {
			paused = ", paused"
		}
		if t, ok := r.testOf(running.Package, running.Test); ok {
			return fmt.Sprintf("%s %s (%.2fs, pid %d)", running.Package, running.Test, elapsed, t.pid)
		}
		return fmt.Sprintf("%s %s (%.2fs%s)", running.Package, running.Test, elapsed, paused)
	}
	for _, s := range r.supervisors {
		if s.process.Package == running.Package && !s.gone && s.started.PID > 0 {
			return fmt.Sprintf("%s (%.2fs, pid %d)", running.Package, elapsed, s.started.PID)
		}
	}
	return fmt.Sprintf("%s (%.2fs)", running.Package, elapsed)
}
