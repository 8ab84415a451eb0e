package harness

import (
	"slices"
	"strings"
	"syscall"
	"time"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/proc"
	"pgtest/harness/internal/stopwatch"
	"pgtest/jsonstream/result"
)

// limits measure how long tests run, by the monotonic clock and from a test's
// first event, because the times in events are of the wall clock, which may be
// set. They apply to top-level tests, whose time includes their subtests'.
type limits struct {
	slow    time.Duration // when a test is reported; 0 is never
	timeout time.Duration // when its package is ended; 0 is never
	piece   time.Duration // how often to look at what runs; 0 is never

	clock    stopwatch.Watch
	since    map[watched]time.Duration // when the test was first seen, or last seen paused
	reported map[watched]bool          // reported as slow
	over     map[string]overtime       // by package: the tests that ran into timeout
}

// watched is one run of a test.
type watched struct {
	pkg, test string
	started   time.Time
}

// overtime is a test that ran into the timeout.
type overtime struct {
	test string
	kill time.Duration // when SIGQUIT has had its chance; 0 when SIGKILL is sent
}

func newLimits(slow, timeout time.Duration) limits {
	l := limits{slow: slow, timeout: timeout, reported: make(map[watched]bool), over: make(map[string]overtime)}
	shortest := slow
	if timeout > 0 && (slow <= 0 || timeout < slow) {
		shortest = timeout
	}
	if shortest > 0 {
		l.piece = stopwatch.Piece(shortest)
		l.clock.Longest = 2 * l.piece
	}
	return l
}

// look finds tests that run for too long among those that run.
func (p *plan) look(now time.Time, events []result.Running) []step {
	counted := p.limits.clock.Look(now)
	since := make(map[watched]time.Duration)
	var steps []step
	for _, t := range events {
		divided := slices.ContainsFunc(p.packages, func(s *supervised) bool { return s.divides(t.Package) })
		if t.Test == "" || strings.Contains(t.Test, "/") || strings.HasPrefix(t.Test, "Benchmark") || divided {
			continue
		}
		w := watched{t.Package, t.Test, t.Started}
		began, known := p.limits.since[w]
		if t.Paused || !known {
			began = counted
		}
		since[w] = began
		steps = append(steps, p.judge(w, counted, counted-began)...)
	}
	p.limits.since = since
	return append(steps, p.killOvertime(counted)...)
}

// judge returns the steps for a test that has run for d.
func (p *plan) judge(w watched, now, d time.Duration) (steps []step) {
	l := &p.limits
	if l.slow > 0 && d >= l.slow && !l.reported[w] {
		l.reported[w] = true
		steps = append(steps, step{verb: note, note: result.Slow{Package: w.pkg, Test: w.test, Elapsed: d}})
	}
	if _, ended := l.over[w.pkg]; l.timeout <= 0 || d < l.timeout || ended || p.asked != 0 {
		return steps
	}
	quit := p.orderPackage(w.pkg, control.Order{Signal: syscall.SIGQUIT})
	if len(quit) == 0 {
		return steps // it has just ended
	}
	l.over[w.pkg] = overtime{w.test, now + proc.QuitGrace}
	timeout := result.Timeout{Package: w.pkg, Test: w.test, Limit: l.timeout}
	return append(append(steps, quit...), step{verb: note, note: timeout})
}

// killOvertime kills the packages that did not end on SIGQUIT.
func (p *plan) killOvertime(now time.Duration) (steps []step) {
	for pkg, o := range p.limits.over {
		if o.kill > 0 && now > o.kill {
			p.limits.over[pkg] = overtime{test: o.test}
			steps = append(steps, p.orderPackage(pkg, control.Order{Kill: true})...)
		}
	}
	return steps
}

// orderPackage sends an order to the supervisors of a package.
func (p *plan) orderPackage(pkg string, o control.Order) (steps []step) {
	for _, s := range p.present {
		if s.state == running && s.process.Package == pkg {
			steps = append(steps, step{verb: send, to: s, order: o})
		}
	}
	return steps
}
