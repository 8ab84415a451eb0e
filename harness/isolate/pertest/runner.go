//go:build unix

package pertest

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"pgtest/harness/control"
	"pgtest/harness/isolate/internal/framing"
)

// A runner runs the tests of a binary. What it decides is decided in loop, by one goroutine.
type runner struct {
	opts   Options
	binary binary
	selection
	link    *link
	files   *files
	printer *printer

	deadline time.Time // of -timeout, zero for none
	slow     time.Duration
	limit    int // how many processes may run at once
	next     int // the test to start next
	running  map[*test]*process
	ended    chan result

	failed   bool
	any      bool           // of the tests counts as run
	failfast bool           // start no more tests but examples, which package testing runs in any case
	stop     bool           // start no more tests
	signal   syscall.Signal // that told the run to end
	latest   int            // the place of the last test in the output that has ended
	ending   string         // what TestMain printed at the end of its process
}

// A result is what came of a test.
type result struct {
	test     *test
	failed   bool
	none     bool // package testing does not count it as run
	teardown string
	leaks    []control.Leak
}

func newRunner(opts Options, b binary, sel selection, l *link) *runner {
	r := &runner{
		opts: opts, binary: b, selection: sel, link: l,
		printer: newPrinter(stdout, len(sel.tests)),
		limit:   runtime.GOMAXPROCS(0),
		running: make(map[*test]*process),
		ended:   make(chan result),
	}
	if d := b.timeout(); d > 0 {
		r.deadline = time.Now().Add(d)
	}
	return r
}

// run runs the tests, and returns the exit status, or the signal to die of.
func (r *runner) run(signals <-chan os.Signal) (int, syscall.Signal) {
	var err error
	if r.files, err = newFiles(r.binary); err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		return 1, 0
	}
	defer r.files.remove()
	if r.link.run != nil {
		r.limit = 0 // the run's first order says
	}
	r.loop(signals)
	if r.signal != 0 {
		return 1, r.signal
	}
	return r.conclude(), 0
}

// loop starts tests and waits for their ends.
func (r *runner) loop(signals <-chan os.Signal) {
	orders := r.link.orders
	for {
		for !r.stop && r.next < len(r.tests) && len(r.running) < r.limit {
			t := r.tests[r.next]
			r.next++
			if r.failfast && !t.isExample() {
				r.printer.sections[t.index].close()
				continue
			}
			r.start(t)
		}
		if len(r.running) == 0 && (r.stop || r.next == len(r.tests)) {
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
		case sig := <-signals:
			r.interrupt(sig.(syscall.Signal))
		}
	}
}

// interrupt stops the run. The supervisor has sent the signal to the tests, too, where it can find them.
func (r *runner) interrupt(sig syscall.Signal) {
	r.stop, r.signal = true, sig
	for t := range r.running {
		for _, open := range r.printer.sections[t.index].running() {
			r.link.began(open.name, time.Since(open.began))
		}
	}
	r.printer.mix()
	for _, p := range r.running {
		p.blame.Store(false)
		if runtime.GOOS != "linux" {
			syscall.Kill(-p.cmd.Process.Pid, sig)
		}
	}
}

// start starts a test.
func (r *runner) start(t *test) {
	out := r.printer.sections[t.index]
	f := &framer{out: out, test: t.name, chatter: r.chatter}
	if t.index == 0 {
		f.first, f.header = true, r.header
	}
	f.last = t.index == len(r.tests)-1
	args, err := r.argsFor(t)
	if err != nil {
		r.running[t] = nil
		go func() {
			f.finish(ending{startErr: err})
			out.close()
			r.ended <- result{test: t, failed: true}
		}()
		return
	}
	p := newProcess(r.opts.Command, args)
	r.running[t] = p
	slow := r.slow
	go func() {
		stop := r.tellSlow(t, slow)
		pid := 0
		e := p.run(f, r.opts.TestTimeout, func(id int) {
			pid = id
			r.link.started(t.name, pid)
		})
		stop()
		r.link.ended(t.name, pid)
		if err := r.files.collectCoverage(t.index); err != nil && !e.bad() {
			e.startErr = err
		}
		e.failOnLeaks = r.opts.FailOnLeaks
		e.interrupted = !p.blame.Load() && !p.limited.Load()
		f.finish(e)
		out.close()
		r.ended <- result{test: t, failed: f.fail || e.bad(), none: f.none, teardown: f.teardownText(), leaks: e.leaks}
	}()
}

// tellSlow tells the run if the test runs for longer than d; 0 is never.
func (r *runner) tellSlow(t *test, d time.Duration) (stop func()) {
	if d <= 0 {
		return func() {}
	}
	timer := time.AfterFunc(d, func() { r.link.slow(t.name, d) })
	return func() { timer.Stop() }
}

// argsFor returns the arguments of the test's process.
func (r *runner) argsFor(t *test) ([]string, error) {
	flags := []string{"run=" + t.run, "count=1", "v=test2json"}
	if t.cpu != "" {
		flags = append(flags, "cpu="+t.cpu)
	}
	if !r.deadline.IsZero() {
		// the alarm of a test that starts too late goes off at once, as it would have in a process for all
		flags = append(flags, "timeout="+max(time.Until(r.deadline), time.Nanosecond).String())
	}
	more, err := r.files.flagsFor(t.index)
	return r.binary.processArgs(append(flags, more...)...), err
}

// take notes what came of a test.
func (r *runner) take(res result) {
	delete(r.running, res.test)
	r.any = r.any || !res.none
	if len(res.leaks) > 0 {
		r.link.leaked(res.test.name, res.leaks)
	}
	if res.test.index >= r.latest {
		r.latest, r.ending = res.test.index, res.teardown
	}
	if res.failed {
		r.failed = true
		r.failfast = r.binary.flags["failfast"] == "true"
		r.stop = r.stop || r.pastDeadline()
	}
}

// pastDeadline reports whether the time of -timeout is up.
func (r *runner) pastDeadline() bool { return !r.deadline.IsZero() && time.Now().After(r.deadline) }

// conclude writes what comes after the tests, and returns the exit status.
func (r *runner) conclude() int {
	coverage, err := r.mergeCoverage()
	if err != nil {
		r.failed = true
		fmt.Fprintf(stdout, "%s=== NAME  \npgtest: %v\n", framing.Marker, err)
	}
	word, status := "PASS", 0
	if r.failed {
		word, status = "FAIL", 1
	} else {
		r.files.joinTestlogs(len(r.tests))
	}
	if !r.any {
		fmt.Fprint(stdout, noTests)
	}
	fmt.Fprintf(stdout, "%s%s\n%s%s", framing.Marker, word, coverage, r.ending)
	return status
}

// mergeCoverage has a last process, without tests, read all counters, and returns what it prints about them.
func (r *runner) mergeCoverage() (string, error) {
	if !r.binary.covers() {
		return "", nil
	}
	flags := []string{"run=^$", "gocoverdir=" + r.files.coverDir}
	if profile := r.binary.flags["coverprofile"]; profile != "" {
		flags = append(flags, "coverprofile="+profile)
	}
	out, err := output(r.opts.Command, r.binary.processArgs(flags...))
	if err != nil {
		return "", fmt.Errorf("coverage: %v\n%s", err, out)
	}
	for line := range bytes.Lines(out) {
		if text := string(line); strings.HasPrefix(text, "coverage: ") {
			return text, nil
		}
	}
	return "", nil
}
