package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/watchdog"
	"pgtest/harness/linkcache"
	"pgtest/harness/steady"
	"pgtest/jsonstream"
	"pgtest/jsonstream/result"
	"pgtest/signals"
)

// An invocation runs rounds. It has what they share: the socket, the signals,
// the terminal, the outputs. Its plan makes all decisions, and the goroutine of
// loop carries them out; other goroutines only read and report.
type invocation struct {
	cfg      Config
	plan     plan
	listener *control.Listener
	stream   *jsonstream.Stream
	signals  *signals.Control

	stdout, stderr *outlet
	outlets        []*outlet     // these and those of the files
	enough         chan struct{} // closed when too many tests have failed
	outputClosed   chan struct{} // closed when nobody reads the formatted output
	live           *liveLines    // nil for none
	keys           <-chan byte   // nil while none are read

	// rounds is what came of the rounds so far, if tests may run again.
	rounds  [][]result.PackageReport
	refused bool             // no test runs again, though some could
	cover   *profiles        // of the rounds; nil without
	builds  *builds          // what the go command did; nil without
	share   *linkcache.Share // links of other machines; nil without

	// Of the present round.
	queue      []source // what runs after the present source
	feed       *feed
	watchdog   *watchdog.Watchdog // the command's parent; nil without one
	unanswered <-chan time.Time   // when supervisors must have done as they were told

	arrivals   chan *control.Supervisor   // supervisors that connected
	inbox      chan inbound               // what they report
	queueEmpty bool                       // those that had connected have arrived
	setups     map[int]*watchdog.Watchdog // by index: the parents of what they left
	setupEnded chan int                   // indexes
	over       chan struct{}              // closed when arrivals is not received from any more
	childEnded chan os.Signal
}

func newInvocation(cfg Config) (*invocation, error) {
	if cfg.Grace == 0 {
		cfg.Grace = DefaultGrace
	}
	i := &invocation{
		cfg:          cfg,
		signals:      cfg.Signals,
		arrivals:     make(chan *control.Supervisor),
		inbox:        make(chan inbound),
		enough:       make(chan struct{}),
		outputClosed: make(chan struct{}),
		setups:       make(map[int]*watchdog.Watchdog),
		setupEnded:   make(chan int),
		over:         make(chan struct{}),
		childEnded:   make(chan os.Signal, 1),
	}
	var err error
	if i.listener, err = control.NewListener(cfg.TempDir); err != nil {
		return nil, err
	}
	i.cover = i.newProfiles()
	i.builds = i.newBuilds()
	source, err := i.newSource()
	if err != nil {
		return nil, err
	}
	i.plan = newPlan(cfg, source)
	i.plan.runID = runID(i.listener.Dir())
	i.live = newLiveLines(cfg)
	i.stdout = i.openOutlet(&readerWatch{w: i.around(orDiscard(cfg.Stream.Stdout)), closed: i.outputClosed})
	i.stderr = i.openOutlet(cfg.Stream.CI.Defused(i.around(orDiscard(cfg.Stream.Stderr))))
	i.live.writeBy(i.stdout, i.stderr)
	if i.stream, err = jsonstream.New(i.streamOptions()); err != nil {
		i.closeOutput()
		return nil, err
	}
	if i.signals == nil {
		i.signals = signals.New(cfg.Grace)
	}
	return i, nil
}

// streamOptions returns the caller's options, with outlets as outputs.
func (i *invocation) streamOptions() jsonstream.Options {
	opts := i.cfg.Stream
	opts.Rounds = i.cfg.reruns()
	if limit := i.cfg.MaxFails.Count; limit > 0 {
		reached := sync.OnceFunc(func() { close(i.enough) })
		opts.Failed = func(failures int) {
			if failures >= limit {
				reached()
			}
		}
	}
	opts.Stdout, opts.Stderr, opts.Notices = i.stdout, i.stderr, posts{i.stderr}
	if opts.JSONFile != nil {
		opts.JSONFile = i.openOutlet(opts.JSONFile)
	}
	if opts.TimingFile != nil {
		opts.TimingFile = i.openOutlet(opts.TimingFile)
	}
	opts.Summaries = slices.Clone(opts.Summaries)
	for n := range opts.Summaries {
		opts.Summaries[n].Out = i.openOutlet(opts.Summaries[n].Out)
	}
	if opts.Timeline != nil {
		opts.Timeline = i.openOutlet(opts.Timeline)
	}
	if opts.JUnit != nil {
		report := *opts.JUnit
		report.Out = i.openOutlet(report.Out)
		opts.JUnit = &report
	}
	if opts.Report != nil {
		page := *opts.Report
		page.Out = i.openOutlet(page.Out)
		opts.Report = &page
	}
	return opts
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// openOutlet makes an outlet, which closeOutput closes.
func (i *invocation) openOutlet(w io.Writer) *outlet {
	o := newOutlet(steady.Writer(w))
	i.outlets = append(i.outlets, o)
	return o
}

// closeOutput waits until everything is written.
func (i *invocation) closeOutput() {
	for _, o := range i.outlets {
		o.close()
	}
}

func (i *invocation) run(ctx context.Context) (Result, error) {
	if i.cfg.Signals == nil {
		defer i.signals.Finish()
	}
	defer i.serveDuring(i.closeOutput)
	if i.cfg.ReapOrphans {
		signal.Notify(i.childEnded, syscall.SIGCHLD)
		defer signal.Stop(i.childEnded)
	}
	defer close(i.over)
	defer i.serveDuring(func() { i.listener.Close() })
	defer i.endSetups()
	defer i.finishWatchdog()
	var err error
	if i.feed, err = i.plan.source.start(i); err != nil {
		i.stream.Close()
		return Result{}, err
	}
	go i.accept()
	defer i.endKeys()
	i.startKeys()
	defer i.trimLinkCache()()
	defer i.endShare()
	noteGoVersion := i.askGoVersion()
	i.loop(ctx)
	for again := true; again && err == nil; {
		if again, err = i.startNext(ctx); again {
			i.loop(ctx)
		}
	}
	i.endKeys()
	i.endLive()
	failed := errors.Join(err, i.cover.take(), i.collect()) // before their directory goes
	i.noteBuild()                                           // likewise
	i.finishWatchdog()
	i.endSetups()
	i.noteProcesses()
	if i.plan.early {
		i.serveDuring(i.noteUnreached)
	}
	if i.plan.refused(i.stream.Seen()) {
		i.stream.Note(result.Refusal{})
	}
	i.serveDuring(noteGoVersion)
	i.serveDuring(func() { failed = errors.Join(failed, i.endCoverage()) })
	var report result.Report
	i.serveDuring(func() { report, err = i.stream.Finish() })
	res, err := i.conclude(report, err)
	return res, errors.Join(err, failed)
}

// conclude puts together what came of the invocation. err is the stream's.
func (i *invocation) conclude(report result.Report, err error) (Result, error) {
	res := Result{
		Ran:           true,
		Interrupted:   i.plan.interrupted,
		Rounds:        i.rounds,
		RerunRefused:  i.refused,
		TooManyFailed: i.plan.early,
		Killed:        i.plan.exitCode() < 0 && !i.plan.interrupted,
		Report:        report,
		Processes:     i.plan.records(),
	}
	select {
	case <-i.outputClosed:
		res.OutputClosed = true
	default:
	}
	var message string
	failing := slices.ContainsFunc(res.Processes, func(p Process) bool { return len(p.Leaks) > 0 && i.cfg.leaksOf(p.Package) == FailLeaks })
	res.ExitCode, message = i.plan.verdict(report, failing, i.cfg.FailFlaky)
	messages := []string{message}
	if i.cfg.RerunAlone {
		messages = append(messages, whenAlone(report))
	}
	for _, message := range messages {
		if message != "" {
			i.serveDuring(func() { fmt.Fprintln(i.stderr, message) })
		}
	}
	incomplete := i.plan.incomplete(report, i.feed.err)
	if incomplete != nil && i.plan.exitCode() == 0 {
		res.ExitCode = incompleteStatus
	}
	return res, errors.Join(incomplete, withoutUnread(err))
}

// withoutUnread drops EPIPE and errAbandoned from a joined error.
// Result.OutputClosed reports them, or the signal that ended the invocation.
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

// serveDuring handles signals while f runs, which may wait for a reader of the
// output.
func (i *invocation) serveDuring(f func()) {
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		f()
	}()
	i.serveUntil(finished, func() bool { return false })
}

// serveUntil handles signals until finished is closed or enough returns true,
// which it checks first and after each signal.
func (i *invocation) serveUntil(finished <-chan struct{}, enough func() bool) {
	for !enough() {
		select {
		case <-finished:
			return
		case e := <-i.signals.Events():
			i.signals.Handle(e, i)
		}
	}
}

// trimLinkCache keeps the link cache within its bounds while the tests run, and
// returns a function that waits until that is done. A cache that can't be
// trimmed is as useful as before, and the next invocation tries again: one that
// is to end does not wait, and none waits for long.
func (i *invocation) trimLinkCache() (wait func()) {
	trimmed, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		if i.cfg.LinkCache != nil {
			i.cfg.LinkCache.Trim()
		}
	}()
	return func() {
		defer time.AfterFunc(trimPatience, cancel).Stop()
		i.serveUntil(trimmed.Done(), i.signals.Ending)
	}
}

const trimPatience = 5 * time.Second

// shareLinks has links of the invocation's rounds ask the user's GOCACHEPROG. If
// there is no socket for them, they do without.
func (i *invocation) shareLinks() {
	cache := i.cfg.LinkCache
	if i.share != nil || cache == nil || cache.Program == "" {
		return
	}
	sock, err := i.listener.Second()
	if err != nil {
		return
	}
	if i.share, err = cache.Share(sock, i.cfg.Dir, i.environ()); err != nil {
		sock.Close()
	}
}

// endShare gives the program what is new, unless the invocation is to end.
func (i *invocation) endShare() {
	closed, cancel := context.WithCancel(context.Background())
	kept, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		defer cancel()
		i.share.Close(kept)
	}()
	i.serveUntil(closed.Done(), i.signals.Ending)
	stop()
	<-closed.Done()
}

// finishWatchdog ends the watchdog. If a process died that should have cleaned
// up, the watchdog first does that in its place.
func (i *invocation) finishWatchdog() {
	if i.watchdog == nil {
		return
	}
	endAll := i.untidy()
	i.serveDuring(func() { i.watchdog.Finish(endAll) })
	i.watchdog = nil
}

// untidy reports whether the watchdog has to end what others left.
func (i *invocation) untidy() bool { return i.plan.untidy || i.plan.exitCode() < 0 }

// isOwnChild reports whether the invocation started a child. It then waits for
// the child itself.
func (i *invocation) isOwnChild(pid int) bool {
	return pid == i.watchdog.PID() || pid == i.share.PID() || pid == i.signals.KeeperPID() || pid == i.live.childPID()
}
