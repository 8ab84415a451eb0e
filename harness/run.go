package harness

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"pgtest/harness/control"
	"pgtest/harness/watchdog"
	"pgtest/jsonstream"
)

// A run is one go test with its supervisors. Everything that it decides is
// decided in loop, by one goroutine; the others read and tell.
type run struct {
	cfg      Config
	listener *control.Listener
	stream   *jsonstream.Stream
	command  *exec.Cmd
	watchdog *watchdog.Watchdog

	outputClosed chan struct{} // closed when nobody reads the formatted output
	over         chan struct{} // closed when nobody hears arrivals any more

	arrivals    chan *control.Supervisor // supervisors that connected
	inbox       chan inbound             // what supervisors say
	supervisors []*supervised            // in the order of their arrival
	queueEmpty  bool                     // no supervisor will arrive any more
	goGone      bool                     // the go command has ended

	phase    phase
	relayed  syscall.Signal   // what every test group got, for those to come
	deadline <-chan time.Time // the end of the present phase's patience
	lost     bool             // something died that should have cleaned up

	watch watch

	goStarted uint64 // when the go command started, as startTime tells it
}

// phase is how far the end of a run has come. It only grows.
//
//	phase      is entered when                 and then
//	running    the run starts                  tests run
//	ending     it is asked to end              go got SIGINT, tests a signal; deadline is the grace
//	killing    the grace is over, or asked     tests got SIGKILL; deadline is go's patience
//	           again
//	abandoned  go does not end                 go's group got SIGKILL
type phase int

const (
	running phase = iota
	ending
	killing
	abandoned
)

// goUsage is go test's exit status for a command line that it does not
// understand.
const goUsage = 2

// goPatience is how long the go command may take to clean up after its tests
// are dead.
const goPatience = 2 * time.Second

func newRun(cfg Config) (*run, error) {
	if cfg.Grace == 0 {
		cfg.Grace = DefaultGrace
	}
	r := &run{
		cfg:      cfg,
		arrivals: make(chan *control.Supervisor),
		inbox:    make(chan inbound),

		outputClosed: make(chan struct{}),
		over:         make(chan struct{}),
	}
	opts := cfg.Stream
	opts.OnWriteError = func(err error) {
		close(r.outputClosed)
		if cfg.Stream.OnWriteError != nil {
			cfg.Stream.OnWriteError(err)
		}
	}
	opts.BeforeSummary = func(w io.Writer) {
		if cfg.Stream.BeforeSummary != nil {
			cfg.Stream.BeforeSummary(w)
		}
		r.writeSections(w)
	}
	var err error
	if r.stream, err = jsonstream.New(opts); err != nil {
		return nil, err
	}
	if r.listener, err = control.Listen(cfg.TempDir); err != nil {
		return nil, err
	}
	if r.command, err = r.newCommand(); err != nil {
		r.listener.Close()
		return nil, err
	}
	return r, nil
}

func (r *run) run(ctx context.Context) (Result, error) {
	// go has a parent-death signal, which fires when the thread that started it
	// exits.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if r.cfg.AdoptOrphans {
		adoptOrphans()
	}
	defer close(r.over)
	go r.accept()
	defer r.listener.Close()
	r.startWatchdog()
	defer r.watchdog.Stop()
	ended, err := r.start()
	if err != nil {
		return Result{}, err
	}
	defer r.trimLinkCache()()
	goErr := r.loop(ctx, ended)
	r.finishSupervisors()
	r.cleanUp()
	r.annotate()
	r.annotateOvertime()
	if r.commandStatus() == goUsage {
		r.stream.HideSummary()
	}
	report, err := r.stream.Finish()
	return r.result(report, goErr), err
}

// trimLinkCache keeps the link cache within its bounds while the run goes on,
// and returns a function that waits until that is done. A cache that can't be
// trimmed is as useful as before: the next run tries again.
func (r *run) trimLinkCache() (wait func()) {
	trimmed := make(chan struct{})
	go func() {
		defer close(trimmed)
		if r.cfg.LinkCache != nil {
			r.cfg.LinkCache.Trim()
		}
	}()
	return func() { <-trimmed }
}

// startWatchdog starts the process that cleans up if this one is killed. A run
// goes on without it: where no process can be started, go has more to say.
func (r *run) startWatchdog() {
	if self, err := os.Executable(); err == nil {
		r.watchdog = watchdog.Start([]string{self, RoleWatchdog}, r.listener.Dir())
	}
}

// start starts what prints the events, and the goroutine that reads it to its
// end, which then sends how it ended.
func (r *run) start() (<-chan error, error) {
	if r.command == nil {
		ended := make(chan error, 1)
		go func() { ended <- r.stream.ReadOutput(r.cfg.Input) }()
		return ended, nil
	}
	stdout, stdoutWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	stderr, stderrWriter, err := os.Pipe()
	if err != nil {
		stdout.Close()
		stdoutWriter.Close()
		return nil, err
	}
	r.command.Stdout, r.command.Stderr = stdoutWriter, stderrWriter
	err = r.command.Start()
	stdoutWriter.Close()
	stderrWriter.Close()
	if err != nil {
		stdout.Close()
		stderr.Close()
		return nil, err
	}
	r.watchdog.Watch(r.command.Process.Pid)
	r.goStarted = startTime(r.command.Process.Pid)
	ended := make(chan error, 1)
	go func() {
		errorsRead := make(chan struct{})
		go func() {
			defer close(errorsRead)
			r.stream.ReadErrors(stderr)
			io.Copy(io.Discard, stderr)
			stderr.Close()
		}()
		r.stream.ReadOutput(stdout)
		io.Copy(io.Discard, stdout)
		stdout.Close()
		<-errorsRead
		ended <- r.command.Wait()
	}()
	return ended, nil
}

// loop serves supervisors and requests until the go command and its output
// have ended, and returns how it ended.
func (r *run) loop(ctx context.Context, goEnded <-chan error) error {
	canceled, outputClosed := ctx.Done(), r.outputClosed
	ticks, stopWatch := r.startWatch()
	defer stopWatch()
	for {
		select {
		case err := <-goEnded:
			r.goGone = true
			return err
		case s := <-r.arrivals:
			r.arrived(s)
		case m := <-r.inbox:
			r.heard(m)
		case now := <-ticks:
			r.look(now)
		case <-outputClosed:
			outputClosed = nil
			r.end(syscall.SIGTERM, "output closed")
		case <-canceled:
			canceled = nil
			r.end(syscall.SIGTERM, "canceled")
		case <-r.deadline:
			r.escalate()
		}
	}
}

// end asks the run to end, with sig for the tests. Asked again it does not
// wait any longer.
func (r *run) end(sig syscall.Signal, reason string) {
	if r.phase > running {
		r.kill()
		return
	}
	r.phase, r.relayed = ending, sig
	r.stream.Interrupt(reason)
	r.interruptGo()
	r.relay(sig)
	r.deadline = time.After(r.cfg.Grace)
}

// kill ends every test now.
func (r *run) kill() {
	if r.phase >= killing {
		return
	}
	r.phase = killing
	r.order(control.Order{Kill: true})
	r.deadline = time.After(goPatience)
}

// escalate goes on to the next phase at the end of the present one's patience.
func (r *run) escalate() {
	switch r.phase {
	case ending:
		r.kill()
	case killing:
		r.phase, r.lost, r.deadline = abandoned, true, nil
		r.signalGo(syscall.SIGKILL)
	}
}

// relay sends a signal to every test group.
func (r *run) relay(sig syscall.Signal) { r.order(control.Order{Signal: sig}) }

// interruptGo makes the go command start nothing new, wait for what runs, and
// remove its work directory. SIGTERM would kill it and leave the directory.
func (r *run) interruptGo() { r.signalGo(syscall.SIGINT) }

// signalGo signals the go command's group: itself and its tools. The
// supervisors have sessions of their own.
func (r *run) signalGo(sig syscall.Signal) {
	if r.command != nil && !r.goGone {
		syscall.Kill(-r.command.Process.Pid, sig)
	}
}

// commandStatus is the exit status of the command that printed the events: 0 if
// there was none, negative if it was killed.
func (r *run) commandStatus() int {
	if r.command == nil {
		return 0
	}
	return r.command.ProcessState.ExitCode()
}

// result puts together what came of the run.
func (r *run) result(report jsonstream.Report, goErr error) Result {
	res := Result{
		ExitCode:     r.commandStatus(),
		Interrupted:  r.phase > running,
		OutputClosed: isClosed(r.outputClosed),
		Report:       report,
	}
	leaked := false
	for _, s := range r.supervisors {
		if s.started.Group == 0 && s.process.Failure == "" {
			continue
		}
		res.Processes = append(res.Processes, s.process)
		leaked = leaked || len(s.process.Leaks) > 0
	}
	if r.phase == running && res.ExitCode < 0 {
		fmt.Fprintf(r.errorOutput(), "pgtest: %s: %v\n", r.commandName(), goErr)
	}
	leakFails := leaked && r.cfg.Leaks == FailLeaks
	inputFails := r.command == nil && !report.OK()
	if res.ExitCode < 0 || res.ExitCode == 0 && (leakFails || inputFails) {
		res.ExitCode = 1
	}
	return res
}

func (r *run) commandName() string {
	if len(r.cfg.Command) > 0 {
		return r.cfg.Command[0]
	}
	return "go test"
}

// errorOutput is where the run says what went wrong with it.
func (r *run) errorOutput() io.Writer {
	if r.cfg.Stream.Stderr == nil {
		return io.Discard
	}
	return r.cfg.Stream.Stderr
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
