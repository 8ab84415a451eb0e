//go:build unix

// Package signals keeps a run's signals away from whatever reads its output,
// and passes them on to the tests.
//
// It knows what a run does about each signal (Plan), when a keeper has to hold
// the terminal so that Ctrl-C spares the other members of the pipeline, and how
// to stop, continue and die so that a shell understands it. It does not know
// how tests are started or how go is signalled: the caller provides that as an
// Executor.
package signals

import (
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// RelayTime is how long a supervisor may hold back a signal that the run
// orders, to find out whether its test has had the same signal already. A test
// that was signalled together with everything else then gets the signal once.
// The grace begins after this time.
const RelayTime = 100 * time.Millisecond

// TypedRelayTime replaces RelayTime where tests have the terminal. A signal
// that is typed reaches all processes in one instant, so only a very busy
// machine delivers it this late.
const TypedRelayTime = 5 * RelayTime

// DefaultGrace is the time that tests have to end by themselves.
const DefaultGrace = 10 * time.Second

// lastWait is the time that go has to end when its tests have been killed. It
// has little to do, but may have to wait for a processor.
const lastWait = 10 * time.Second

// firstWait is the time that a signal has to arrive which has ended the reader of
// the output, too. The kernel signals a whole job in one instant.
const firstWait = 100 * time.Millisecond

// familyLimit bounds how long a run that ends waits for the readers of its
// output, and for each ancestor to take its signal. Both are done at once
// unless the machine is busy, or the reader or ancestor handles its signal
// otherwise.
const familyLimit = 3 * time.Second

// An Executor carries out the steps of a plan. Its methods are called from the
// goroutine that calls Control.Handle, one at a time, and must not wait for a
// reader of the run's output. To signal a process that has ended is not an
// error.
type Executor interface {
	// InterruptGo sends SIGINT to go's process group: go starts no more tests,
	// waits for those that run, and removes its work directory.
	InterruptGo()
	// KillGo sends SIGKILL to go's process group, and stops writing to an
	// output that its reader does not read. It may be called repeatedly.
	KillGo()
	// SignalTests sends sig to the process group of every running test binary.
	SignalTests(sig syscall.Signal)
	// Stop stops every test's process group and go's with SIGSTOP. It must have
	// sent all orders when it returns, because the next step stops this
	// process.
	Stop()
	// Continue sends SIGCONT to all that Stop stopped.
	Continue()
	// Explain prints one line on standard error; it has no newline at its end.
	Explain(line string)
	// Report prints on standard error what is running and for how long.
	Report()
}

// Options say how a run is signalled.
type Options struct {
	// Grace is the time that tests have between the first signal and SIGKILL.
	Grace time.Duration
	// Keeper is the command line that makes this program call the function
	// Keeper; the process group is appended. The first word is an absolute
	// path. If Keeper is empty, the terminal is left alone.
	Keeper []string
	// Keys makes the keeper hold the terminal wherever the output goes, and
	// deliver what is typed to Control.Keys, key by key and without an echo.
	Keys bool
	// Hotkeys lets ReadKeys deliver keys while the terminal is not held. Standard
	// input must be the terminal.
	Hotkeys bool
	// TestsHaveTerminal says that tests are members of the job, and may give
	// the terminal to a group of their own. If that group has no member left at
	// the end, Finish gives the terminal back to the job.
	TestsHaveTerminal bool
	// Builds says that the run builds tests and starts none, for what is said of
	// its end.
	Builds bool
	// Output and Errors are the run's standard output and error. They must stay
	// open until Finish.
	Output, Errors *os.File
}

// A Control catches signals, passes them to a Plan and carries out its steps.
// Only the goroutine that decides for the run may call its methods.
type Control struct {
	plan   Plan
	opts   Options
	events chan Event
	keys   chan byte
	quit   chan struct{}
	pumps  sync.WaitGroup

	sigs     chan os.Signal
	children chan os.Signal // SIGCHLD
	frozen   atomic.Bool    // between StopTests and ContinueTests
	// inherited are the children that this process had before it started any.
	inherited []int
	ignored   map[syscall.Signal]bool
	unwatch   func()
	tty       *tty
	keeper    *keeper
	modes     *unix.Termios // the terminal's, before the keeper read keys
	hot       *hotkeys      // nil for none
	thaw      func()        // catches SIGTSTP again; nil while it is caught
	// conts counts the SIGCONTs that arrived. continued is the value of conts
	// when the event arrived that is being handled.
	conts     atomic.Int64
	continued int64
	// continuedJob says that the run has sent SIGCONT to its job. That may have
	// removed a pending SIGTSTP from members which the run itself has already
	// had.
	continuedJob bool
	grace        timer
	tick         timer
	pause        time.Duration // until the next tick
}

// New returns a Control that leaves the signals of the process and the terminal
// alone. Cancel and OutputClosed end the run, with the given grace.
func New(grace time.Duration) *Control {
	return &Control{
		opts:   Options{Grace: grace},
		events: make(chan Event, 64),
		keys:   make(chan byte, 256),
		quit:   make(chan struct{}),
	}
}

// Start returns a Control that catches the signals of this process and, if need
// be, holds the terminal. A signal that was ignored when the process started
// stays ignored. A process may call Start once, and must call Finish.
func Start(o Options) *Control {
	c := New(o.Grace)
	c.opts = o
	c.sigs = make(chan os.Signal, 64)
	c.children = make(chan os.Signal, 1)
	c.ignored = ignoredAtStart()
	c.inherited = children()
	c.listen()
	c.pumps.Add(1)
	go c.pump()
	if isPipe(o.Output) {
		if stop, err := watchReader(o.Output, func() { c.send(Event{Kind: OutputClosed}) }); err == nil {
			c.unwatch = stop
		}
	}
	c.tty = openTTY()
	if c.mayHold() {
		c.plan.terminal = behind
		c.Handle(Event{Kind: Tick}, nil)
	}
	return c
}

// caught are the signals that the plan knows.
var caught = []syscall.Signal{
	unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGTSTP, unix.SIGCONT,
	unix.SIGTTIN, unix.SIGTTOU, unix.SIGUSR1, reportSignal,
}

// ignoredAtStart returns the signals to leave alone: SIGHUP under nohup, SIGINT
// in the background of a script. Shells ignore SIGQUIT together with SIGINT
// there, which the Go runtime no longer knows at this point.
func ignoredAtStart() map[syscall.Signal]bool {
	ignored := make(map[syscall.Signal]bool)
	for _, sig := range caught {
		if sig > 0 && Ignored(sig) {
			ignored[sig] = true
		}
	}
	ignored[unix.SIGQUIT] = ignored[unix.SIGQUIT] || ignored[unix.SIGINT]
	return ignored
}

func (c *Control) listen() {
	for _, sig := range caught {
		// SIGQUIT is caught in any case: the runtime would die of it.
		if sig > 0 && (!c.ignored[sig] || sig == unix.SIGQUIT) {
			signal.Notify(c.sigs, sig)
		}
	}
	signal.Notify(c.children, unix.SIGCHLD)
	// Caught, so that a closed output is an error to the writer. What arrives
	// is of no use: it does not say which descriptor it was.
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)
}

// mayHold reports whether the run may hold the terminal. The job need not be in
// the foreground yet: some shells move a job there after starting it.
func (c *Control) mayHold() bool {
	return len(c.opts.Keeper) > 0 && c.tty != nil &&
		(c.opts.Keys || isPipe(c.opts.Output) || isPipe(c.opts.Errors)) &&
		!c.ignored[unix.SIGINT] && // a background job of a script: the terminal is the script's
		!c.tty.stopsWriters() // a background tee could not write to it
}

// Events delivers the events that the run must pass to Handle. The channel is
// never closed.
func (c *Control) Events() <-chan Event { return c.events }

// Keys delivers what is typed, if Options.Keys asks for it and the terminal can
// be held, and what ReadKeys asks for. The channel is never closed.
func (c *Control) Keys() <-chan byte { return c.keys }

// HasKeys reports whether Keys can deliver anything: now, or when the job comes
// to the foreground.
func (c *Control) HasKeys() bool { return c.opts.Keys && c.plan.terminal != none }

// Renew makes the Control forget that a run was asked to end, so that it serves
// another one.
func (c *Control) Renew() {
	c.grace.stop()
	c.plan.renew()
}

// Handle passes an event to the plan and carries out the steps of its answer.
func (c *Control) Handle(e Event, run Executor) {
	void := e.of != nil && e.of.at != e.at || e.Kind == KeeperGone && e.from != c.keeper
	c.continued = e.continued
	if void || e.Kind == Arrived && c.ignored[e.Signal] {
		return
	}
	e.Foreground, e.HungUp = c.tty.ours(), c.tty.hungUp()
	for _, step := range c.plan.Handle(e) {
		c.do(step, run)
	}
	c.setTick(e.Kind == Tick)
}

// OutputClosed must be called when writing the run's output fails because its
// reader is gone.
func (c *Control) OutputClosed(run Executor) { c.Handle(Event{Kind: OutputClosed}, run) }

// GoGone must be called when go has ended before tests that it started.
func (c *Control) GoGone(run Executor) { c.Handle(Event{Kind: GoGone}, run) }

// Cancel asks the tests to end with SIGTERM. The run then exits with a status,
// not by a signal.
func (c *Control) Cancel(run Executor) { c.Handle(Event{Kind: Cancelled}, run) }

// Ending reports whether the tests have been asked to end.
func (c *Control) Ending() bool { return c.plan.ending() }

// Cause returns the signal that ended the run, SIGPIPE if its output was
// closed, or 0 if neither happened.
func (c *Control) Cause() syscall.Signal { return c.plan.cause }

// Grace returns the time that tests have to end.
func (c *Control) Grace() time.Duration { return c.opts.Grace }

// Late returns the signal that a test which starts only now must get, or 0: go
// may have started the test just before go was interrupted.
func (c *Control) Late() syscall.Signal { return c.plan.late() }

// KeeperPID returns the process id of the keeper, or 0 without one. The Control
// waits for this child; the caller must not.
func (c *Control) KeeperPID() int {
	if c.keeper == nil {
		return 0
	}
	return c.keeper.cmd.Process.Pid
}

// Stopped reports whether the tests are stopped. A test that starts only now
// must be stopped, too.
func (c *Control) Stopped() bool { return c.plan.job == stopped }

// Finish gives the terminal back, ends the keeper and stops catching signals.
// All goroutines of the Control have ended when it returns. Nothing may receive
// from Events after that.
func (c *Control) Finish() {
	c.DropKeys()
	c.giveBack()
	if c.opts.TestsHaveTerminal {
		ReclaimForeground()
	}
	c.lastEvents()
	close(c.quit)
	c.grace.stop()
	c.tick.stop()
	if c.unwatch != nil {
		c.unwatch()
	}
	if c.sigs != nil {
		signal.Stop(c.sigs)
		signal.Stop(c.children)
	}
	c.pumps.Wait()
	if c.tty != nil {
		c.tty.file.Close()
	}
}

// lastEvents handles the signals that arrived after the last test ended. Where
// the terminal is not held, Ctrl-C also ends the reader of the output, so the
// run may notice the closed output first and be over before it handles the
// signal.
func (c *Control) lastEvents() {
	for start := time.Now(); ; {
		e := Event{Kind: Arrived}
		select {
		case e = <-c.events:
		case sig := <-c.sigs:
			e.Signal = sig.(syscall.Signal)
		default:
			if c.sigs == nil || c.plan.shutdown != closed || time.Since(start) > firstWait {
				return
			}
			time.Sleep(time.Millisecond)
			continue
		}
		if e.Kind == Arrived && !c.ignored[e.Signal] && Ends(e.Signal) {
			c.plan.Handle(e)
		}
	}
}

// Exit ends the process: with status code if nothing ended the run, else by the
// signal that did. It calls Finish, and closes standard output and error. If
// the keeper received a signal in place of the job, Exit sends it to the
// ancestors in the job, after the readers of the output have had a moment to
// finish. The outermost ancestor is first, since none may see a child die of a
// signal that it has not had itself.
func (c *Control) Exit(code int) {
	c.Finish()
	cause := c.Cause()
	if cause == 0 {
		os.Exit(code)
	}
	if typed := c.plan.typed; typed != 0 {
		above, reading := ancestors(), readers()
		os.Stdout.Close()
		os.Stderr.Close()
		if len(above) > 0 {
			awaitEnd(reading, familyLimit)
		}
		for i := len(above) - 1; i >= 0; i-- {
			signalIf(above[i], typed, isAncestor)
			awaitDelivery(above[i], typed, familyLimit)
		}
	}
	Die(cause)
}
