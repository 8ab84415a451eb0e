//go:build unix

package pertest

import (
	"maps"
	"slices"
	"time"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/stopwatch"
	"pgtest/harness/internal/testproc"
)

func (r *runner) start(t *test) {
	args, alarm, err := r.argsFor(t)
	p := testproc.New(r.family, r.program, args)
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
		stopLimit := p.LimitTo(r.opts.TestTimeout)
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
