package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"pgtest/harness/control"
	"pgtest/harness/plural"
	"pgtest/harness/watchdog"
	"pgtest/jsonstream"
	"pgtest/signals"
)

// A run is one go test with its supervisors. Everything that it decides is
// decided in loop, by one goroutine; the others read and tell.
type run struct {
	cfg      Config
	listener *control.Listener
	stream   *jsonstream.Stream
	command  *exec.Cmd
	input    *inlet // nil if a command is run
	watchdog *watchdog.Watchdog

	signals        *signals.Control
	stdout, stderr *outlet
	outputClosed   chan struct{} // closed when nobody reads the formatted output
	over           chan struct{} // closed when nobody hears arrivals any more
	childEnded     chan os.Signal

	arrivals    chan *control.Supervisor // supervisors that connected
	inbox       chan inbound             // what supervisors say
	supervisors []*supervised            // in the order of their arrival
	queueEmpty  bool                     // no supervisor will arrive any more
	goGone      bool                     // the go command has ended
	interrupted bool                     // the run was asked to end

	lost    bool  // something died that should have cleaned up
	readErr error // of what prints the events; set before it is told of as ended

	watch watch

	live     *liveLine // nil for none
	liveFrom time.Time

	goStarted uint64 // when the go command started, as startTime tells it
}

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

		signals:      cfg.Signals,
		outputClosed: make(chan struct{}),
		over:         make(chan struct{}),
		childEnded:   make(chan os.Signal, 1),
	}
	var err error
	if r.listener, err = control.Listen(cfg.TempDir); err != nil {
		return nil, err
	}
	spread(r.listener.Dir())
	if r.command, err = r.newCommand(); err != nil {
		r.listener.Close()
		return nil, err
	}
	r.live = newLiveLine(cfg)
	r.stdout = newOutlet(r.live.around(orDiscard(cfg.Stream.Stdout)))
	r.stderr = newOutlet(r.live.around(orDiscard(cfg.Stream.Stderr)))
	if r.stream, err = jsonstream.New(r.streamOptions()); err != nil {
		r.listener.Close()
		r.closeOutput()
		return nil, err
	}
	if r.signals == nil {
		r.signals = signals.New(cfg.Grace)
	}
	return r, nil
}

// streamOptions are the caller's, with what the run has to do besides.
func (r *run) streamOptions() jsonstream.Options {
	asked := r.cfg.Stream
	opts := asked
	opts.Stdout, opts.Stderr = r.stdout, r.stderr
	opts.OnWriteError = func(err error) {
		if errors.Is(err, syscall.EPIPE) {
			close(r.outputClosed)
		}
		if asked.OnWriteError != nil {
			asked.OnWriteError(err)
		}
	}
	opts.BeforeSummary = func(w io.Writer) {
		if asked.NoSummary {
			// Standard output is for events or lists alone.
			w = r.stderr
		}
		if asked.BeforeSummary != nil {
			asked.BeforeSummary(w)
		}
		r.writeSections(w)
	}
	return opts
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// closeOutput waits until everything is written.
func (r *run) closeOutput() {
	r.stdout.close()
	r.stderr.close()
}

func (r *run) run(ctx context.Context) (Result, error) {
	// go has a parent-death signal, which fires when the thread that started it
	// exits.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if r.cfg.Signals == nil {
		defer r.signals.Finish()
	}
	defer r.serveDuring(r.closeOutput)
	if r.cfg.AdoptOrphans {
		adoptOrphans()
		signal.Notify(r.childEnded, syscall.SIGCHLD)
		defer signal.Stop(r.childEnded)
	}
	defer close(r.over)
	// The watchdog is the last to go: it removes what the run did not come to.
	r.startWatchdog()
	defer r.watchdog.Stop()
	go r.accept()
	defer r.listener.Close()
	ended, err := r.start()
	if err != nil {
		r.stream.Close()
		return Result{}, err
	}
	defer r.trimLinkCache()()
	goErr := r.loop(ctx, ended)
	r.cleanUp()
	r.annotate()
	r.annotateOvertime()
	if r.runsGo() && r.commandStatus() == goUsage && !r.stream.Seen() {
		r.stream.HideSummary()
	}
	report, err := r.finishStream()
	res := r.result(report, goErr)
	incomplete := r.incomplete(report)
	if incomplete != nil && r.commandStatus() == 0 {
		res.ExitCode = incompleteStatus
	}
	return res, errors.Join(incomplete, withoutUnread(err))
}

// incompleteStatus is the exit status of events that are not whole, if the
// command that printed them has none to say.
const incompleteStatus = 2

// incomplete says why the events are not whole. It returns nil if they are, and
// if that is no wonder: the run is being ended, or the command was killed.
func (r *run) incomplete(report jsonstream.Report) error {
	reason := ""
	switch {
	case r.readErr != nil:
		reason = r.readErr.Error()
	case r.interrupted || r.commandStatus() < 0:
	case report.Cut:
		reason = "the events end in the middle of a line"
	default:
		reason = withoutEnd(report)
	}
	if reason == "" {
		return nil
	}
	return fmt.Errorf("%s: %s", r.sourceName(), reason)
}

// withoutEnd says which packages have no end, "" for none.
func withoutEnd(report jsonstream.Report) string {
	var open []string
	failed := false
	for _, p := range report.Packages {
		failed = failed || p.Result == jsonstream.Failed
		if p.NoEnd && p.Result == jsonstream.Failed {
			open = append(open, p.Path)
		}
	}
	switch {
	case len(open) == 1:
		return "the events end before " + open[0]
	case len(open) > 1:
		return fmt.Sprintf("the events end before %s and %s", open[0], plural.Count(len(open)-1, "other package", "other packages"))
	case len(report.FailedBuilds) > 0 && !failed:
		return "the events end before what needs " + report.FailedBuilds[0] + ", which could not be built"
	}
	return ""
}

// withoutUnread leaves out of a joined error what says that nobody reads the
// output, which the result tells, or the signal that the run was ended by.
func withoutUnread(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var rest []error
	for _, e := range joined.Unwrap() {
		if !errors.Is(e, syscall.EPIPE) && !errors.Is(e, errAbandoned) {
			rest = append(rest, e)
		}
	}
	return errors.Join(rest...)
}

// finishStream writes what comes at the end.
func (r *run) finishStream() (report jsonstream.Report, err error) {
	r.serveDuring(func() { report, err = r.stream.Finish() })
	return report, err
}

// serveDuring serves signals while f writes: who reads the output may take its time.
func (r *run) serveDuring(f func()) {
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		f()
	}()
	for {
		select {
		case <-finished:
			return
		case e := <-r.signals.Events():
			r.signals.Handle(e, r)
		}
	}
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
		r.input = newInlet(r.cfg.Input)
		go func() {
			r.readErr = r.stream.ReadOutput(r.input)
			ended <- nil
		}()
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
	err = r.startCommand()
	stdoutWriter.Close()
	stderrWriter.Close()
	if err != nil {
		stdout.Close()
		stderr.Close()
		return nil, fmt.Errorf("%s: %w", r.command.Args[0], bare(err))
	}
	r.watchdog.Watch(r.command.Process.Pid)
	r.goStarted = startTime(r.command.Process.Pid)
	ended := make(chan error, 1)
	go func() {
		errorsRead := make(chan error)
		go func() { errorsRead <- readAll(stderr, r.stream.ReadErrors) }()
		err := readAll(stdout, r.stream.ReadOutput)
		r.readErr = cmp.Or(err, <-errorsRead)
		ended <- r.command.Wait()
	}()
	return ended, nil
}

// readAll reads a pipe and closes it. What read leaves is dropped, so that the
// writer comes to its end.
func readAll(pipe *os.File, read func(io.Reader) error) error {
	defer pipe.Close()
	defer io.Copy(io.Discard, pipe)
	return read(pipe)
}

// loop serves supervisors and requests until the go command, its output and
// all supervisors have ended, and returns how go ended.
//
// A go command that ends in order has waited for its supervisors, and what they
// said is here or on its way. Those of one that died may go on.
func (r *run) loop(ctx context.Context, goEnded <-chan error) error {
	canceled, outputClosed := ctx.Done(), r.outputClosed
	ticks, stopWatch := r.startWatch()
	defer stopWatch()
	liveTicks, stopLive := r.startLive()
	defer stopLive()
	var goErr error
	var unanswered <-chan time.Time // when supervisors must have done as they were told
	var silent int                  // how often they had not
	for !r.goGone || r.anyThere() {
		select {
		case goErr = <-goEnded:
			r.goGone, goEnded = true, nil
			r.hearConnected(time.After(hearPatience))
			if r.testsLeft() {
				r.order(control.Order{Unread: true})
				r.signals.GoGone(r)
			}
		case <-unanswered:
			unanswered = nil
			silent++
			r.endSupervisors(silent)
		case s := <-r.arrivals:
			r.arrived(s)
		case m := <-r.inbox:
			r.heard(m)
		case e := <-r.signals.Events():
			r.signals.Handle(e, r)
		case <-r.childEnded:
			r.reapOrphans()
		case now := <-ticks:
			r.look(now)
		case now := <-liveTicks:
			r.renewLive(now)
		case <-outputClosed:
			outputClosed = nil
			r.signals.OutputClosed(r)
		case <-canceled:
			canceled = nil
			r.signals.Cancel(r)
		}
		if unanswered == nil && r.goGone && r.signals.Late() == syscall.SIGKILL {
			unanswered = time.After(goPatience)
		}
	}
	return goErr
}

// isOwnChild says whether a child was started by the run, which then waits for
// it, and not adopted.
func (r *run) isOwnChild(pid int) bool {
	return r.command != nil && pid == r.command.Process.Pid || pid == r.watchdog.PID() || pid == r.signals.KeeperPID()
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
		Ran:          true,
		Interrupted:  r.interrupted,
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
	if !r.interrupted && res.ExitCode < 0 {
		fmt.Fprintf(r.stderr, "pgtest: %s: %v\n", r.commandName(), goErr)
	}
	leakFails := leaked && r.cfg.Leaks == FailLeaks
	eventsFail := !r.runsGo() && !report.OK()
	if res.ExitCode < 0 || res.ExitCode == 0 && (leakFails || eventsFail) {
		res.ExitCode = 1
	}
	return res
}

// runsGo says whether the events come from a go test of the run's own.
func (r *run) runsGo() bool { return r.cfg.Input == nil && len(r.cfg.Command) == 0 }

func (r *run) commandName() string {
	if len(r.cfg.Command) > 0 {
		return r.cfg.Command[0]
	}
	return "go test"
}

// sourceName says where the events come from.
func (r *run) sourceName() string {
	if f, ok := r.cfg.Input.(*os.File); ok {
		return f.Name()
	}
	if r.cfg.Input != nil {
		return "input"
	}
	return r.commandName()
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
