package harness

import (
	"strings"
	"syscall"
	"time"

	"pgtest/harness/control"
	"pgtest/harness/internal/stopwatch"
	"pgtest/jsonstream/result"
)

// A watch follows how long tests run, by a clock of its own from when their first
// event was seen: the time in an event is that of the wall clock, which may be
// set. It looks at top-level tests: the time of a subtest is part of its test's.
type watch struct {
	clock stopwatch.Watch
	since map[watched]time.Duration // when the test was first seen, or last seen paused
	told  map[watched]bool          // reported as slow
	over  map[string]overtime       // by package: the tests that ran into TestTimeout
}

// watched is one run of a test.
type watched struct {
	pkg, test string
	started   time.Time
}

// overtime is a test that ran into TestTimeout.
type overtime struct {
	test string
	kill time.Duration // when SIGQUIT has had its chance; 0 when SIGKILL is sent
}

// quitGrace is the time between SIGQUIT, on which a Go program shows its
// goroutines, and SIGKILL.
const quitGrace = 5 * time.Second

// startWatch returns a channel that says when to look, and a function that
// ends it. If there is nothing to look for it is nil.
func (r *run) startWatch() (<-chan time.Time, func()) {
	r.watch = watch{
		since: make(map[watched]time.Duration),
		told:  make(map[watched]bool),
		over:  make(map[string]overtime),
	}
	shortest := r.cfg.SlowAfter
	if t := r.cfg.TestTimeout; t > 0 && (shortest == 0 || t < shortest) {
		shortest = t
	}
	if shortest <= 0 {
		return nil, func() {}
	}
	piece := stopwatch.Piece(shortest)
	r.watch.clock.Longest = 2 * piece
	ticker := time.NewTicker(piece)
	return ticker.C, ticker.Stop
}

// look finds tests that run for too long.
func (r *run) look(now time.Time) {
	counted := r.watch.clock.Look(now)
	since := make(map[watched]time.Duration)
	for _, t := range r.stream.Running() {
		if t.Test == "" || strings.Contains(t.Test, "/") || strings.HasPrefix(t.Test, "Benchmark") || r.isPerTest(t.Package) {
			continue
		}
		w := watched{t.Package, t.Test, t.Started}
		began, known := r.watch.since[w]
		if t.Paused || !known {
			began = counted
		}
		since[w] = began
		r.judge(w, counted, counted-began)
	}
	r.watch.since = since
	r.killOvertime(counted)
}

// judge does what has to be done about a test that has run for d.
func (r *run) judge(w watched, now, d time.Duration) {
	if limit := r.cfg.SlowAfter; limit > 0 && d >= limit && !r.watch.told[w] {
		r.watch.told[w] = true
		r.stream.Note(result.Slow{Package: w.pkg, Test: w.test, Elapsed: d})
	}
	limit := r.cfg.TestTimeout
	if _, ended := r.watch.over[w.pkg]; limit <= 0 || d < limit || ended || r.signals.Ending() {
		return
	}
	if !r.orderPackage(w.pkg, control.Order{Signal: syscall.SIGQUIT}) {
		return // it has just ended
	}
	r.watch.over[w.pkg] = overtime{w.test, now + quitGrace}
	r.stream.Note(result.Timeout{Package: w.pkg, Test: w.test, Limit: limit})
}

// killOvertime kills the packages that did not end on SIGQUIT.
func (r *run) killOvertime(now time.Duration) {
	for pkg, o := range r.watch.over {
		if o.kill > 0 && now > o.kill {
			r.watch.over[pkg] = overtime{test: o.test}
			r.orderPackage(pkg, control.Order{Kill: true})
		}
	}
}

// orderPackage sends an order to the supervisor of a package, and reports
// whether there is one.
func (r *run) orderPackage(pkg string, o control.Order) bool {
	found := false
	for _, s := range r.supervisors {
		if !s.gone && s.process.Package == pkg && s.started.Supervisor != 0 {
			s.peer.Send(o)
			found = true
		}
	}
	return found
}
