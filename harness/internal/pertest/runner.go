//go:build unix

package pertest

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/pattern"
	"pgtest/harness/internal/proc"
	"pgtest/harness/internal/testproc"
	"pgtest/harness/override"
)

// A runner runs the tests of a binary. All its decisions are made in list and
// loop, by one goroutine.
type runner struct {
	opts    Options
	rules   override.Rules
	program []string // that runs the binary, and the binary
	binary  binary
	selection
	facts
	client  *control.Client // nil without a run
	family  *proc.Family
	files   *files
	printer *printer
	signals <-chan os.Signal

	overdue  <-chan time.Time // when the time of -timeout is up; nil for never
	deadline time.Time        // of -timeout, zero for none
	slow     time.Duration
	limit    int       // how many processes may run at once
	waiting  []*test   // to be started, in this order
	asked    []*test   // that wait for places, for which the time of -timeout stands still
	idle     time.Time // since when all do, zero if one runs
	early    *test     // the process that started before its turn
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

func newRunner(opts Options, rules override.Rules, program []string, b binary, about facts, client *control.Client, signals <-chan os.Signal) *runner {
	r := &runner{
		opts: opts, rules: rules, program: program, binary: b, facts: about, client: client, signals: signals,
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
	case e.Bad(): // after package testing: the processes of the tests show whether it matters
		r.undivided("%s: the process that lists the tests: %s", r.pkg, e.How())
	}
	var err error
	if r.selection, err = selectTests(l, r.binary, r.opts.Alone); err == nil {
		r.files, err = newFiles(r.binary)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		return 1, 0
	}
	defer r.files.remove()
	r.printer = newPrinter(stdout, len(r.tests))
	r.waiting = slices.Clone(r.tests)
	r.client.Report(control.Report{Tests: &control.Tests{Package: r.pkg, Count: r.count}})
	if r.client != nil {
		r.limit = 0 // the run's first order says
	}
	r.loop()
	if r.signal != 0 {
		return 1, r.signal
	}
	return r.conclude()
}

func (r *runner) loop() {
	orders := r.client.Orders()
	for {
		if sig := r.pendingSignal(); sig != 0 {
			r.interrupt(sig)
		}
		for r.mayStart() {
			t := r.pick()
			if !r.leavesOut(t) {
				r.ask(t)
			}
		}
		r.watchTime()
		if len(r.running) == 0 && (r.stop || len(r.waiting)+len(r.asked) == 0) {
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
			case order.Place != nil:
				r.takePlace(order.Place)
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
	if r.running[r.early] != nil || slices.Contains(r.asked, r.early) {
		// It may be blocked until its turn because its output can't be kept.
		// The test whose turn it is must be able to run meanwhile.
		limit = max(limit, 2)
	}
	switch {
	case r.stop || len(r.waiting) == 0 || r.busy() >= limit:
		return false
	case len(r.waiting) == 1 && r.binary.covers(), r.waiting[0].isRest() && r.binary.failsFast():
		return r.busy() == 0
	}
	return true
}

// busy counts the processes that run or wait for a place.
func (r *runner) busy() int { return len(r.running) + len(r.asked) }

// pick removes from waiting the process to start next, and returns it. The last
// process usually finds no test to run, and started last it would make the
// whole run wait for its TestMain. So it starts beside the first test if there
// is room, unless it has to wait for the others.
func (r *runner) pick() *test {
	i, end := 0, len(r.waiting)-1
	if r.early == nil && r.limit > 1 && r.busy() > 0 && r.waiting[end].isRest() &&
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
			r.client.Report(control.Report{Began: &control.Began{Package: r.pkg, Test: open.name, Elapsed: time.Since(open.began)}})
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

func (r *runner) isLast(t *test) bool { return t.index == len(r.tests)-1 }
