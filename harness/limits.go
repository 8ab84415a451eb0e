package harness

import (
	"slices"
	"strings"
	"syscall"
	"time"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/proc"
	"pgtest/harness/internal/stopwatch"
	"pgtest/harness/override"
	"pgtest/jsonstream/result"
)

// limits measure how long tests run, by the monotonic clock and from a test's
// first event, because the times in events are of the wall clock, which may be
// set. They apply to top-level tests, whose time includes their subtests', and to
// subtests that have limits of their own.
type limits struct {
	limit
	rules override.Rules
	// whole is -timeout, which in packages with a test that may run for longer is a
	// limit of each other test, and of the time without any.
	whole time.Duration
	known map[[2]string]limit // by package and test, with rules
	piece time.Duration       // how often to look at what runs; 0 is never

	clock    stopwatch.Watch
	since    map[watched]time.Duration // when the test was first seen, or last seen paused
	reported map[watched]bool          // reported as slow
	over     map[string]overtime       // by package: the tests that ran into timeout
}

// limit is that of a test.
type limit struct {
	slow    time.Duration // when it is reported; 0 is never
	timeout time.Duration // when its package is ended; 0 is never
	where   string        // it stands that this is so, "" for all tests
}

// of returns the limit of a test.
func (l *limits) of(pkg, test string) limit {
	if len(l.rules) == 0 {
		return l.forAll(pkg, test)
	}
	key := [2]string{pkg, test}
	own, known := l.known[key]
	if !known {
		own = l.forAll(pkg, test)
		var above override.Settings
		if i := strings.LastIndexByte(test, '/'); i >= 0 {
			above = l.rules.Test(pkg, test[:i])
		}
		s := l.rules.Test(pkg, test)
		if s.SlowAfter != above.SlowAfter {
			own.slow = s.SlowAfter.Is
		}
		if s.Timeout != above.Timeout {
			own.timeout, own.where = s.Timeout.Is, s.Timeout.Where
		}
		l.known[key] = own
	}
	return own
}

// forAll is the limit that a test has if nothing is said of it.
func (l *limits) forAll(pkg, test string) limit {
	all := l.limit
	switch {
	case strings.Contains(test, "/"):
		return limit{}
	case l.rules.Outlasts(pkg, l.whole) && (all.timeout == 0 || all.timeout > l.whole):
		all.timeout, all.where = l.whole, result.GoTimeout
	}
	return all
}

// watched is one run of a test.
type watched struct {
	pkg, test string
	started   time.Time
}

// overtime is a test that ran into the timeout.
type overtime struct {
	kill time.Duration  // when SIGQUIT has had its chance; 0 when SIGKILL is sent
	note result.Timeout // is said when a supervisor has sent SIGQUIT in time
	said bool
}

func newLimits(slow, timeout, whole time.Duration, rules override.Rules) limits {
	l := limits{
		limit: limit{slow: slow, timeout: timeout}, whole: whole, rules: rules, known: make(map[[2]string]limit),
		reported: make(map[watched]bool), over: make(map[string]overtime),
	}
	all := []time.Duration{slow, timeout}
	if rules.Outlasts("", whole) {
		all = append(all, whole)
	}
	for _, r := range rules {
		all = append(all, r.SlowAfter.Is, r.Timeout.Is)
	}
	all = slices.DeleteFunc(all, func(d time.Duration) bool { return d <= 0 })
	if len(all) > 0 {
		l.piece = stopwatch.Piece(slices.Min(all))
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
		if t.Test == "" && !p.limits.rules.Outlasts(t.Package, p.limits.whole) || strings.HasPrefix(t.Test, "Benchmark") || divided {
			continue
		}
		own := p.limits.of(t.Package, t.Test)
		if own.slow <= 0 && own.timeout <= 0 {
			continue
		}
		w := watched{t.Package, t.Test, t.Started}
		began, known := p.limits.since[w]
		if t.Paused || !known || t.Test == "" && (t.Parent || len(p.orderPackage(t.Package, control.Order{})) == 0) {
			began = counted
		}
		since[w] = began
		steps = append(steps, p.judge(w, own, counted, counted-began)...)
	}
	p.limits.since = since
	return append(steps, p.killOvertime(counted)...)
}

// judge returns the steps for a test that has run for d.
func (p *plan) judge(w watched, own limit, now, d time.Duration) (steps []step) {
	l := &p.limits
	if own.slow > 0 && w.test != "" && d >= own.slow && !l.reported[w] {
		l.reported[w] = true
		steps = append(steps, step{verb: note, note: result.Slow{Package: w.pkg, Test: w.test, Elapsed: d}})
	}
	if _, ended := l.over[w.pkg]; own.timeout <= 0 || d < own.timeout || ended || p.asked != 0 {
		return steps
	}
	quit := p.orderPackage(w.pkg, control.Order{Signal: syscall.SIGQUIT, Overtime: true})
	if len(quit) == 0 {
		return steps // it has just ended
	}
	l.over[w.pkg] = overtime{
		kill: now + proc.QuitGrace,
		note: result.Timeout{Package: w.pkg, Test: w.test, Limit: own.timeout, Where: own.where},
	}
	return append(steps, quit...)
}

// overran notes that a package is ended for a test that ran for too long. One whose
// test binary ended before its supervisor heard of that is judged by its result.
func (p *plan) overran(pkg string) []step {
	o, known := p.limits.over[pkg]
	if !known || o.said {
		return nil
	}
	o.said = true
	p.limits.over[pkg] = o
	return []step{{verb: note, note: o.note}}
}

// killOvertime kills the packages that did not end on SIGQUIT.
func (p *plan) killOvertime(now time.Duration) (steps []step) {
	for pkg, o := range p.limits.over {
		if o.kill > 0 && now > o.kill {
			o.kill = 0
			p.limits.over[pkg] = o
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
