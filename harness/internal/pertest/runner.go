//go:build unix

package pertest

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/pattern"
	"pgtest/harness/internal/proc"
	"pgtest/harness/internal/stopwatch"
	"pgtest/harness/internal/testproc"
	"pgtest/harness/internal/testtext"
)

// A runner runs the tests of a binary. All its decisions are made in list and
// loop, by one goroutine.
type runner struct {
	opts   Options
	binary binary
	marks  testtext.Marks
	selection
	reporter *reporter
	family   *proc.Family
	files    *files
	printer  *printer
	signals  <-chan os.Signal

	overdue  <-chan time.Time // when the time of -timeout is up; nil for never
	deadline time.Time        // of -timeout, zero for none
	slow     time.Duration
	limit    int     // how many processes may run at once
	waiting  []*test // to be started, in this order
	early    *test   // the process that started before its turn
	running  map[*test]*testproc.Process
	ended    chan result

	failed   bool
	any      bool           // of the tests counts as run
	failfast bool           // start no more tests but examples, which package testing runs in any case
	stop     bool           // start no more tests
	signal   syscall.Signal // the one that asked the run to end, or 0
	reasons  []string       // why the run failed, apart from its tests
	last     result         // of the last process
}

// A result is the outcome of a test's process.
type result struct {
	test   *test
	state  testproc.State
	failed bool
	any    bool     // package testing counts it as run
	ended  bool     // package testing came to its end
	extra  []string // the tests that are not listed
	// coverage is what package testing says about it.
	coverage string
	coverErr error
}

func newRunner(opts Options, b binary, marks testtext.Marks, rep *reporter, signals <-chan os.Signal) *runner {
	r := &runner{
		opts: opts, binary: b, marks: marks, reporter: rep, signals: signals,
		family:  proc.NewFamily(),
		limit:   runtime.GOMAXPROCS(0),
		running: make(map[*test]*testproc.Process),
		ended:   make(chan result),
	}
	if d := b.timeout(); d > 0 {
		r.deadline = time.Now().Add(d)
		r.overdue = time.After(d)
	}
	return r
}

// run runs the tests, and returns the exit status, or the signal to die of.
func (r *runner) run() (int, syscall.Signal) {
	l, e := r.list()
	switch {
	case r.signal != 0, e.Limit != "", e.Bad() && len(l.names) == 0, l.ran():
		return r.endUnlisted(l, e)
	case e.Bad(): // behind package testing: the processes of the tests tell whether it matters
		r.reporter.undivided(fmt.Sprintf("%s: the process that lists the tests: %s", r.reporter.pkg, e.How()))
	}
	var err error
	if r.selection, err = selectTests(l, r.binary); err == nil {
		r.files, err = newFiles(r.binary)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		return 1, 0
	}
	defer r.files.remove()
	r.printer = newPrinter(stdout, len(r.tests))
	r.waiting = slices.Clone(r.tests)
	r.reporter.announce(r.count)
	if r.reporter.client != nil {
		r.limit = 0 // the run's first order says
	}
	r.loop()
	if r.signal != 0 {
		return 1, r.signal
	}
	return r.conclude()
}

// list asks the binary for the names of its tests, in a process with the same
// limits as a test's. It also passes -run=^$, so that no test runs if TestMain
// ignores -list.
func (r *runner) list() (*listing, testproc.State) {
	l := new(listing)
	p := testproc.New(r.family, r.opts.Command, r.binary.processArgs("list=.", "run=^$"))
	ended := make(chan testproc.State)
	go func() {
		stop := func() {}
		e := p.Run(l, l.stderr(), func() { stop = p.LimitTo(r.opts.TestTimeout) })
		stop()
		ended <- e
	}()
	late := false
	for {
		select {
		case e := <-ended:
			l.finish()
			r.takeLeaks("", e.Leaks)
			if late {
				e.Limit = r.timeoutText()
			}
			if sig := r.pendingSignal(); sig != 0 {
				r.signal = sig
			}
			return l, e
		case sig := <-r.signals:
			r.signal = sig.(syscall.Signal)
			p.Cancel(r.signal)
		case <-r.overdue:
			late = true
			p.Quit(r.timeoutText())
		}
	}
}

// endUnlisted ends a run whose tests can't be listed. It prints what the binary
// has printed, and returns how to end as the binary did.
func (r *runner) endUnlisted(l *listing, e testproc.State) (int, syscall.Signal) {
	err := l.other.CopyTo(stdout)
	if l.lost == nil {
		l.lost = err
	}
	if l.lost != nil {
		fmt.Fprintf(stdout, "%spgtest: a part of the output is lost: %v\n", testtext.NameLine(""), l.lost)
	}
	if r.signal != 0 {
		return 1, r.signal
	}
	reason := e.How()
	if !e.Bad() {
		reason = "TestMain does not heed -test.list and -test.run"
	}
	fmt.Fprintf(stdout, "%spgtest: the tests can't be listed: %s\n", testtext.NameLine(""), reason)
	return e.Exit(true)
}

// loop starts tests and waits for their ends.
func (r *runner) loop() {
	orders := r.reporter.client.Orders()
	for {
		if sig := r.pendingSignal(); sig != 0 {
			r.interrupt(sig)
		}
		for r.mayStart() {
			t := r.pick()
			if r.failfast && !t.isExample() && !t.isRest() {
				r.printer.sections[t.index].close("")
				continue
			}
			r.start(t)
		}
		if len(r.running) == 0 && (r.stop || len(r.waiting) == 0) {
			return
		}
		select {
		case res := <-r.ended:
			r.take(res)
		case order, ok := <-orders:
			switch {
			case !ok:
				orders = nil
				r.limit = max(r.limit, 1)
			case order.Tests != nil:
				r.limit, r.slow = max(order.Tests.Processes, 1), order.Tests.SlowAfter
			}
		case sig := <-r.signals:
			r.interrupt(sig.(syscall.Signal))
		case <-r.overdue:
			r.timeOut()
		}
	}
}

// pendingSignal returns a signal that has arrived already, or 0.
func (r *runner) pendingSignal() syscall.Signal {
	select {
	case sig := <-r.signals:
		return sig.(syscall.Signal)
	default:
		return 0
	}
}

// mayStart reports whether the next process can start now. With coverage the
// last process reads the counters of all others, so it waits for them. With
// -failfast the process for unlisted tests waits, too, since an earlier failure
// decides what it runs.
func (r *runner) mayStart() bool {
	limit := r.limit
	if r.running[r.early] != nil {
		// It may be blocked until its turn because its output can't be kept.
		// The test whose turn it is must be able to run meanwhile.
		limit = max(limit, 2)
	}
	switch {
	case r.stop || len(r.waiting) == 0 || len(r.running) >= limit:
		return false
	case len(r.waiting) == 1 && r.binary.covers(), r.waiting[0].isRest() && r.binary.failsFast():
		return len(r.running) == 0
	}
	return true
}

// pick removes from waiting the process to start next, and returns it. The last
// process usually finds no test to run, and started last it would make the
// whole run wait for its TestMain. So it starts beside the first test if there
// is room, unless it has to wait for the others.
func (r *runner) pick() *test {
	i, end := 0, len(r.waiting)-1
	if r.early == nil && r.limit > 1 && len(r.running) > 0 && r.waiting[end].isRest() &&
		!r.binary.covers() && !r.binary.failsFast() {
		i, r.early = end, r.waiting[end]
	}
	t := r.waiting[i]
	r.waiting = slices.Delete(r.waiting, i, i+1)
	return t
}

// interrupt stops the run. Where the supervisor can find the tests' processes,
// it has sent them the signal itself.
func (r *runner) interrupt(sig syscall.Signal) {
	r.stop, r.signal = true, sig
	for t := range r.running {
		for _, open := range r.printer.sections[t.index].running() {
			r.reporter.began(open.name, time.Since(open.began))
		}
	}
	for _, p := range r.running {
		p.Cancel(sig)
	}
	r.printer.mix()
}

// alarmGrace is the time that package testing has to end a process after
// -timeout. Its clock starts later than this one's.
const alarmGrace = time.Second

// timeOut ends the run after -timeout. Package testing itself ends a process
// that runs tests; one that is still in its TestMain has no alarm yet, so
// timeOut ends that.
func (r *runner) timeOut() {
	for _, p := range r.running {
		if r.stop || !p.Began.Load() {
			p.Quit(r.timeoutText())
		}
	}
	if !r.stop {
		r.stop = true
		r.overdue = time.After(alarmGrace)
	}
}

func (r *runner) timeoutText() string { return fmt.Sprintf("-timeout is %v", r.binary.timeout()) }

// start starts a process.
func (r *runner) start(t *test) {
	args, alarm, err := r.argsFor(t)
	p := testproc.New(r.family, r.opts.Command, args)
	r.running[t] = p
	f := &framer{
		marks: r.marks, out: r.printer.sections[t.index], test: t, failOnLeaks: r.opts.FailOnLeaks,
		alone: len(r.tests) == 1, alarm: alarm, asked: r.binary.timeout().String(),
	}
	if t.index == 0 {
		f.header = r.header
	}
	slow := r.slow
	go func() {
		e := testproc.State{StartErr: err, At: time.Now()}
		if err == nil {
			e = r.runProcess(t, p, f, slow)
			err = r.files.collectCoverage(t.index)
		}
		text := f.finish(e)
		f.out.close(text)
		res := result{
			test: t, state: e, failed: f.failed() || e.Bad(),
			any: !f.none, ended: f.ended,
			coverage: f.coverage, coverErr: err,
		}
		if t.isRest() {
			res.extra = slices.Sorted(maps.Keys(f.began))
		}
		r.ended <- res
	}()
}

// runProcess runs a process to its end. The time limit applies to each test,
// and in a process for several tests also to the time before, between and after
// them.
func (r *runner) runProcess(t *test, p *testproc.Process, f *framer, slow time.Duration) testproc.State {
	const around = ""
	clocks := make(map[string]func()) // of what is running
	stop := func(name string) {
		if stop := clocks[name]; stop != nil {
			stop()
			delete(clocks, name)
		}
	}
	idle := func() { clocks[around] = p.LimitTo(r.opts.TestTimeout) }
	begin := func(name string) {
		stop(around)
		stopLimit, stopSlow := p.LimitTo(r.opts.TestTimeout), r.reportSlow(name, slow)
		clocks[name] = func() {
			stopLimit()
			stopSlow()
			r.reporter.ended(name, p.PID())
		}
		r.reporter.started(name, p.PID())
	}
	f.runs = func(string) { p.Began.Store(true) }
	f.ends = func(string) {}
	started := func() { begin(t.name) }
	if t.isRest() {
		// The tests are known by the process's output, which may arrive before
		// started is called.
		begun := make(chan struct{})
		started = func() {
			idle()
			close(begun)
		}
		f.runs = func(name string) {
			<-begun
			p.Began.Store(true)
			begin(name)
		}
		f.ends = func(name string) {
			stop(name)
			if len(clocks) == 0 {
				idle()
			}
		}
	}
	e := p.Run(f, f, started)
	for name := range clocks {
		stop(name)
	}
	return e
}

// reportSlow reports the test as slow if it runs for longer than d; 0 disables
// that. stop ends the watch.
func (r *runner) reportSlow(name string, d time.Duration) (stop func()) {
	if d <= 0 {
		return func() {}
	}
	return stopwatch.AfterFunc(d, func() { r.reporter.slow(name, d) })
}

// argsFor returns the arguments of a test's process, and its -timeout.
func (r *runner) argsFor(t *test) (args []string, alarm string, err error) {
	flags := []string{"v=test2json"}
	skip := t.skip
	if r.failfast && t.isRest() {
		skip = pattern.Alternatives(skip, "^(Test|Fuzz)")
	}
	for _, f := range [][2]string{{"run", t.run}, {"skip", skip}, {"count", t.count}, {"cpu", t.cpu}} {
		if f[1] != "" {
			flags = append(flags, f[0]+"="+f[1])
		}
	}
	if !r.deadline.IsZero() {
		// the alarm of a test that starts too late goes off at once, as it
		// would have in a process for all
		alarm = max(time.Until(r.deadline), time.Nanosecond).String()
		flags = append(flags, "timeout="+alarm)
	}
	more, err := r.files.flagsFor(t.index, r.isLast(t))
	return r.binary.processArgs(append(flags, more...)...), alarm, err
}

// isLast says whether a process is the last one of all.
func (r *runner) isLast(t *test) bool { return t.index == len(r.tests)-1 }

// take records the result of a process.
func (r *runner) take(res result) {
	delete(r.running, res.test)
	r.any = r.any || res.any
	r.takeLeaks(res.test.name, res.state.Leaks)
	if len(res.extra) > 0 {
		r.reporter.undivided(fmt.Sprintf("%s of %s: not in the list that the test binary prints, so in a process for all of these",
			strings.Join(res.extra, ", "), r.reporter.pkg))
	}
	if r.isLast(res.test) {
		r.last = res
	}
	if res.coverErr != nil {
		r.reasons = append(r.reasons, "coverage: "+res.coverErr.Error())
	}
	if res.failed {
		r.failed = true
		r.failfast = r.binary.failsFast()
	}
}

// takeLeaks reports the processes that a process left behind.
func (r *runner) takeLeaks(test string, leaks []control.Leak) {
	if len(leaks) == 0 {
		return
	}
	r.reporter.leaked(test, leaks)
	if test == "" && r.opts.FailOnLeaks {
		r.reasons = append(r.reasons, fmt.Sprintf("leaked processes: %d, outside of tests", len(leaks)))
	}
}

// conclude writes what follows the tests, and returns the exit status, or the
// signal to die of.
func (r *runner) conclude() (int, syscall.Signal) {
	if len(r.waiting) > 0 && !r.failed {
		r.reasons = append(r.reasons, "timed out: "+r.timeoutText()+"; not all tests were run")
	}
	if r.printer.err != nil {
		r.reasons = append(r.reasons, "a part of the output is lost: "+r.printer.err.Error())
	}
	for _, reason := range r.reasons {
		r.failed = true
		fmt.Fprintf(stdout, "%spgtest: %s\n", testtext.NameLine(""), reason)
	}
	if len(r.tests) == 1 && !r.last.ended { // as the process ended, so does the package
		r.printer.writeEndings()
		return r.last.state.Exit(r.failed)
	}
	verdict, status := testtext.Pass, 0
	if r.failed {
		verdict, status = testtext.Fail, 1
	} else {
		r.files.joinTestlogs(len(r.tests))
	}
	if !r.any {
		fmt.Fprint(stdout, testtext.NoTests)
	}
	fmt.Fprint(stdout, testtext.EndLine(verdict))
	if r.last.coverage != "" {
		fmt.Fprintln(stdout, r.last.coverage)
	}
	r.printer.writeEndings()
	return status, 0
}
