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
	"syscall"
	"time"

	"pgtest/harness/control"
	"pgtest/harness/internal/watchdog"
	"pgtest/harness/plural"
	"pgtest/harness/steady"
	"pgtest/jsonstream"
	"pgtest/jsonstream/result"
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
	outlets        []*outlet     // these and those of the files
	outputClosed   chan struct{} // closed when nobody reads the formatted output
	over           chan struct{} // closed when nobody hears arrivals any more
	childEnded     chan os.Signal

	arrivals    chan *control.Supervisor // supervisors that connected
	inbox       chan inbound             // what supervisors say
	supervisors []*supervised            // in the order of their arrival
	queueEmpty  bool                     // no supervisor will arrive any more
	goGone      bool                     // the go command and its output have ended
	interrupted bool                     // the run was asked to end
	status      syscall.WaitStatus       // of the command
	closeEvents func()                   // gives up what the command prints

	lost     bool  // something died that should have cleaned up
	goKilled bool  // go was told to die by SIGKILL
	readErr  error // of what prints the events; set before it is told of as ended
	// unfollowed: the watchdog was killed, and nobody knows of the command.
	unfollowed bool

	watch watch

	reasons map[string]bool // why tests have no process of their own, as said

	live     *liveLine // nil for none
	liveFrom time.Time
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
	r.stdout = r.openOutlet(&readerWatch{w: steady.Writer(r.live.around(orDiscard(cfg.Stream.Stdout))), closed: r.outputClosed})
	r.stderr = r.openOutlet(r.live.around(orDiscard(cfg.Stream.Stderr)))
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
	if asked.JSONFile != nil {
		opts.JSONFile = r.openOutlet(asked.JSONFile)
	}
	if asked.JUnit != nil {
		report := *asked.JUnit
		report.Out = r.openOutlet(report.Out)
		opts.JUnit = &report
	}
	opts.Notices = posts{r.stderr}
	return opts
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// openOutlet makes an outlet, which closeOutput closes.
func (r *run) openOutlet(w io.Writer) *outlet {
	o := newOutlet(steady.Writer(w))
	r.outlets = append(r.outlets, o)
	return o
}

// closeOutput waits until everything is written.
func (r *run) closeOutput() {
	for _, o := range r.outlets {
		o.close()
	}
}

func (r *run) run(ctx context.Context) (Result, error) {
	if r.cfg.Signals == nil {
		defer r.signals.Finish()
	}
	defer r.serveDuring(r.closeOutput)
	if r.cfg.ReapOrphans {
		signal.Notify(r.childEnded, syscall.SIGCHLD)
		defer signal.Stop(r.childEnded)
	}
	defer close(r.over)
	go r.accept()
	defer r.serveDuring(func() { r.listener.Close() })
	ended, err := r.start()
	if err != nil {
		r.stream.Close()
		return Result{}, err
	}
	// The watchdog removes what the run does not come to.
	defer r.finishWatchdog()
	defer r.trimLinkCache()()
	tellGoVersion := r.askGoVersion()
	r.loop(ctx, ended)
	r.finishWatchdog()
	r.noteProcesses()
	if r.runsGo() && r.commandStatus() == goUsage && !r.stream.Seen() {
		r.stream.Note(result.Refusal{})
	}
	r.serveDuring(tellGoVersion)
	report, err := r.finishStream()
	res := r.result(report)
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
func (r *run) incomplete(report result.Report) error {
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
func withoutEnd(report result.Report) string {
	var open []string
	failed := false
	for _, p := range report.Packages {
		failed = failed || p.End.Failed()
		if p.NoEnd && p.End.Failed() {
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
func (r *run) finishStream() (report result.Report, err error) {
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
// trimmed is as useful as before: the next run tries again, so a run that is to
// end does not wait, and none waits for long.
func (r *run) trimLinkCache() (wait func()) {
	trimmed := make(chan struct{})
	go func() {
		defer close(trimmed)
		if r.cfg.LinkCache != nil {
			r.cfg.LinkCache.Trim()
		}
	}()
	return func() {
		limit := time.After(trimPatience)
		for !r.signals.Ending() {
			select {
			case <-trimmed:
				return
			case <-limit:
				return
			case e := <-r.signals.Events():
				r.signals.Handle(e, r)
			}
		}
	}
}

const trimPatience = 5 * time.Second

// start starts what prints the events, and the goroutine that reads it to its
// end and closes the channel that start returns.
func (r *run) start() (<-chan struct{}, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	words := []string{self, watchdog.Role}
	ended := make(chan struct{})
	if r.command == nil {
		// A run of input goes on without a watchdog.
		r.watchdog, _ = watchdog.Start(words, r.listener.Dir(), nil)
		r.input = newInlet(steady.Reader(r.cfg.Input))
		go func() {
			defer close(ended)
			r.readErr = r.stream.ReadOutput(r.input)
		}()
		return ended, nil
	}
	stdout, stdoutWriter, err := newEventPipe()
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
	r.watchdog, err = watchdog.Start(words, r.listener.Dir(), r.command)
	stdoutWriter.Close()
	stderrWriter.Close()
	if err != nil {
		stdout.Close()
		stderr.Close()
		return nil, fmt.Errorf("%s: %w", r.command.Args[0], bare(err))
	}
	commandEnded := r.watchdog.Ended()
	r.closeEvents = func() {
		stdout.Close()
		stderr.Close()
	}
	go func() {
		defer close(ended)
		errorsRead := make(chan error)
		go func() { errorsRead <- readAll(stderr, r.stream.ReadErrors) }()
		err := readAll(stdout, r.stream.ReadOutput)
		r.readErr = cmp.Or(err, <-errorsRead)
		<-commandEnded
	}()
	return ended, nil
}

// readAll reads a pipe and closes it. What read leaves is dropped, so that the
// writer comes to its end. That the reading was cut is no error: the run was to end.
func readAll(pipe io.ReadCloser, read func(io.Reader) error) error {
	defer pipe.Close()
	defer io.Copy(io.Discard, pipe)
	if err := read(pipe); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil // the run has given it up
}

// finishWatchdog ends the watchdog. Where something died that should have
// cleaned up, the watchdog does it.
func (r *run) finishWatchdog() {
	if r.watchdog == nil {
		return
	}
	endAll := r.command != nil && (r.lost || r.commandStatus() < 0)
	r.serveDuring(func() { r.watchdog.Finish(endAll) })
	r.watchdog = nil
}

// loop serves supervisors and requests until the go command, its output and
// all supervisors have ended.
//
// A go command that ends in order has waited for its supervisors, and what they
// said is here or on its way. Those of one that died may go on.
func (r *run) loop(ctx context.Context, goEnded <-chan struct{}) {
	canceled, outputClosed := ctx.Done(), r.outputClosed
	watchdogGone := r.watchdog.Ended()
	ticks, stopWatch := r.startWatch()
	defer stopWatch()
	liveTicks, stopLive := r.startLive()
	defer stopLive()
	var unanswered <-chan time.Time // when supervisors must have done as they were told
	var silent int                  // how often they had not
	for !r.goGone || r.anyThere() {
		select {
		case <-goEnded:
			r.goGone, goEnded = true, nil
			if watchdogGone != nil {
				watchdogGone = nil
				r.commandEnded()
			}
			r.hearConnected(time.After(hearPatience))
			if r.testsLeft() {
				r.order(control.Order{Unread: true})
				r.signals.GoGone(r)
			}
		case <-unanswered:
			unanswered = nil
			silent++
			r.endSupervisors(silent)
		case <-watchdogGone:
			watchdogGone = nil
			r.commandEnded()
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
}

// commandEnded notes how the command ended. If the watchdog was killed nobody
// can say: the command was told to finish by that, and its tests are to end.
func (r *run) commandEnded() {
	if r.command == nil {
		return
	}
	status, known := r.watchdog.Status()
	if known {
		r.status = status
		return
	}
	r.Explain("pgtest: the watchdog was killed; the tests are ended")
	r.status, r.lost, r.unfollowed = syscall.WaitStatus(syscall.SIGKILL), true, true
	r.signals.GoGone(r)
}

// isOwnChild says whether a child was started by the run, which then waits for
// it.
func (r *run) isOwnChild(pid int) bool {
	return pid == r.watchdog.PID() || pid == r.signals.KeeperPID()
}

// commandStatus is the exit status of the command that printed the events: 0 if
// there was none, negative if it was killed.
func (r *run) commandStatus() int { return r.status.ExitStatus() }

// result puts together what came of the run.
func (r *run) result(report result.Report) Result {
	res := Result{
		ExitCode:     r.commandStatus(),
		Ran:          true,
		Interrupted:  r.interrupted,
		OutputClosed: isClosed(r.outputClosed),
		Report:       report,
	}
	leaked := false
	for _, s := range r.supervisors {
		if s.started.PID == 0 && s.process.Failure == "" {
			continue
		}
		res.Processes = append(res.Processes, s.process)
		leaked = leaked || len(s.process.Leaks) > 0
	}
	if !r.interrupted && !r.unfollowed && res.ExitCode < 0 {
		r.serveDuring(func() { fmt.Fprintf(r.stderr, "pgtest: %s: signal: %v\n", r.commandName(), r.status.Signal()) })
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
