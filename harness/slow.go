package harness

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"pgtest/harness/control"
	"pgtest/jsonstream"
	"pgtest/jsonstream/junit"
)

// A watch follows how long tests run, by the events. It looks at top-level
// tests: the time of a subtest is part of its test's.
type watch struct {
	begun time.Time             // when the run began
	since map[watched]time.Time // when the test began, or was last seen paused
	told  map[watched]bool      // reported as slow
	over  map[string]overtime   // by package: the tests that ran into TestTimeout
}

// watched is one run of a test.
type watched struct {
	pkg, test string
	started   time.Time
}

// overtime is a test that ran into TestTimeout.
type overtime struct {
	test string
	kill time.Time // when SIGQUIT has had its chance; zero when SIGKILL is sent
}

// quitGrace is the time between SIGQUIT, on which a Go program shows its
// goroutines, and SIGKILL.
const quitGrace = 5 * time.Second

// startWatch returns a channel that says when to look, and a function that
// ends it. If there is nothing to look for it is nil.
func (r *run) startWatch() (<-chan time.Time, func()) {
	r.watch = watch{
		begun: time.Now(),
		since: make(map[watched]time.Time),
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
	ticker := time.NewTicker(min(max(shortest/10, 10*time.Millisecond), time.Second))
	return ticker.C, ticker.Stop
}

// look finds tests that run for too long.
func (r *run) look(now time.Time) {
	since := make(map[watched]time.Time)
	for _, t := range r.stream.Running() {
		if t.Test == "" || strings.Contains(t.Test, "/") || strings.HasPrefix(t.Test, "Benchmark") || r.isPerTest(t.Package) {
			continue
		}
		w := watched{t.Package, t.Test, t.Started}
		began, known := r.watch.since[w]
		switch {
		case t.Paused:
			began = now
		case !known && t.Started.After(r.watch.begun):
			began = t.Started
		case !known: // an event of the past: a recorded stream
			began = now
		}
		since[w] = began
		r.judge(w, now.Sub(began))
	}
	r.watch.since = since
	r.killOvertime(now)
}

// judge does what has to be done about a test that has run for d.
func (r *run) judge(w watched, d time.Duration) {
	if limit := r.cfg.SlowAfter; limit > 0 && d >= limit && !r.watch.told[w] {
		r.watch.told[w] = true
		r.saySlow(w.pkg, w.test, d)
	}
	limit := r.cfg.TestTimeout
	if _, ended := r.watch.over[w.pkg]; limit <= 0 || d < limit || ended || r.signals.Ending() {
		return
	}
	if !r.orderPackage(w.pkg, control.Order{Signal: syscall.SIGQUIT}) {
		return // it has just ended
	}
	r.watch.over[w.pkg] = overtime{w.test, time.Now().Add(quitGrace)}
	r.Explain("pgtest: " + r.overtimeMessage(w.pkg, w.test))
}

func (r *run) saySlow(pkg, test string, d time.Duration) {
	r.Explain(fmt.Sprintf("pgtest: slow: %s of %s has been running for %v", test, pkg, d.Round(time.Millisecond)))
}

func (r *run) overtimeMessage(pkg, test string) string {
	return fmt.Sprintf("%s of %s ran for longer than --test-timeout=%v; the package was ended", test, pkg, r.cfg.TestTimeout)
}

// killOvertime kills the packages that did not end on SIGQUIT.
func (r *run) killOvertime(now time.Time) {
	for pkg, o := range r.watch.over {
		if !o.kill.IsZero() && now.After(o.kill) {
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

// annotateOvertime adds the test that ended its package to the JUnit report.
func (r *run) annotateOvertime() {
	for pkg, o := range r.watch.over {
		r.stream.Annotate(pkg, jsonstream.Annotation{
			Properties: []junit.Property{{Name: "pgtest.timeout", Value: o.test}},
			Errors: []jsonstream.AnnotatedError{{
				Name: "timeout", Type: "timeout", Message: r.overtimeMessage(pkg, o.test),
			}},
		})
	}
}
