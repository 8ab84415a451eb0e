//go:build unix

package pertest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/stopwatch"
	"pgtest/harness/internal/testproc"
	"pgtest/harness/override"
)

// ask asks the run for a place for the process of a test.
func (r *runner) ask(t *test) {
	if r.client == nil {
		r.start(t, nil)
		return
	}
	r.asked = append(r.asked, t)
	r.client.Report(control.Report{Asks: &control.Asks{Package: r.pkg, Process: t.number(), Tests: []string{t.name}}})
}

// takePlace starts the process that has got its place, unless it is not to run any
// more.
func (r *runner) takePlace(place *control.Place) {
	at := slices.IndexFunc(r.asked, func(t *test) bool { return t.number() == place.Process })
	if at < 0 || r.stop {
		return
	}
	t := r.asked[at]
	r.asked = slices.Delete(r.asked, at, at+1)
	if r.leavesOut(t) {
		r.client.Report(control.Report{Done: &control.Done{Process: place.Process}})
		return
	}
	r.start(t, place.Env)
}

// leavesOut closes the section of a test that does not run because of -failfast.
func (r *runner) leavesOut(t *test) bool {
	if !r.failfast || t.isExample() || t.isRest() {
		return false
	}
	r.printer.sections[t.index].close("")
	return true
}

// watchTime makes the time of -timeout stand still while all that is left waits for
// places.
func (r *runner) watchTime() {
	idle := len(r.running) == 0 && len(r.asked) > 0
	switch {
	case r.deadline.IsZero() || r.stop || idle == !r.idle.IsZero():
	case idle:
		r.idle, r.overdue = time.Now(), nil
	default:
		r.deadline = r.deadline.Add(time.Since(r.idle))
		r.idle, r.overdue = time.Time{}, time.After(time.Until(r.deadline))
	}
}

func (r *runner) start(t *test, env []string) {
	p := testproc.New(r.family, r.program, nil)
	r.running[t] = p
	r.watchTime()
	args, alarm, err := r.argsFor(t)
	p.Args(args, env)
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
		r.client.Report(control.Report{Done: &control.Done{Process: t.number()}})
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
	idle := func() { clocks[around] = r.limitTo(p, r.rules.Package(r.pkg)) }
	begin := func(name string) {
		stop(around)
		own := r.rules.Test(r.pkg, name)
		slow := own.SlowAfter.Or(slow)
		stopLimit := r.limitTo(p, own)
		stopSlow := stopwatch.AfterFunc(slow, func() {
			r.client.Report(control.Report{Slow: &control.Slow{Package: r.pkg, Test: name, Elapsed: slow}})
		})
		pid := p.PID() // which is 0 once the process has ended
		clocks[name] = func() {
			stopLimit()
			stopSlow()
			r.client.Report(control.Report{Running: &control.Running{Test: name, PID: pid, Ended: true}})
		}
		r.client.Report(control.Report{Running: &control.Running{Test: name, PID: pid}})
	}
	subtests := r.watchSubtests(p, f)
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
	subtests()
	return e
}

// limitTo ends a process if it runs for longer than what holds for a test.
func (r *runner) limitTo(p *testproc.Process, own override.Settings) (stop func()) {
	all, each := r.opts.TestTimeout, r.opts.EachTimeout
	switch {
	case own.Timeout.Set():
		return p.Limit(own.Timeout.Is, fmt.Sprintf("its timeout is %v (%s)", own.Timeout.Is, own.Timeout.Where))
	case each > 0 && (all == 0 || all > each):
		return p.Limit(each, fmt.Sprintf("-timeout is %v", each))
	}
	return p.LimitTo(all)
}

// watchSubtests ends a process if one of its subtests runs for longer than its own
// limit. The function that it returns lifts the limits.
func (r *runner) watchSubtests(p *testproc.Process, f *framer) (stop func()) {
	f.subtest = func(string, bool) {}
	if !r.rules.OfTests(r.pkg) {
		return func() {}
	}
	var mu sync.Mutex
	clocks := make(map[string]func())
	f.subtest = func(name string, runs bool) {
		mu.Lock()
		defer mu.Unlock()
		switch stop := clocks[name]; {
		case stop != nil && runs:
			return // go says so of a test that goes on printing, too
		case stop != nil:
			stop()
			delete(clocks, name)
		}
		own := r.rules.Test(r.pkg, name)
		if above := r.rules.Test(r.pkg, name[:strings.LastIndexByte(name, '/')]); runs && own.Timeout != above.Timeout {
			clocks[name] = r.limitTo(p, own)
		}
	}
	return func() {
		mu.Lock()
		defer mu.Unlock()
		for _, stop := range clocks {
			stop()
		}
	}
}
