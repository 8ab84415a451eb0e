package harness

import (
	"runtime"
	"slices"
	"time"

	"pgtest/harness/control"
	"pgtest/jsonstream/result"
)

// runningTest is a test that runs in a process of its own.
type runningTest struct {
	name    string
	pid     int
	started time.Time
}

// note notes the start or the end of a test's process.
func (s *supervised) note(m control.Running, at time.Time) {
	if !m.Ended {
		s.running = append(s.running, runningTest{m.Test, m.PID, at})
		return
	}
	s.running = slices.DeleteFunc(s.running, func(t runningTest) bool { return t.pid == m.PID })
}

// running returns what runs. The events of a package whose tests have processes of
// their own come in the order of its source: they tell of one test at a time. The
// others are behind it.
func (r *run) running() []result.Running {
	var all []result.Running
	told := make(map[[2]string]bool)
	events := r.stream.Running()
	for i, t := range events {
		if known, ok := r.testOf(t.Package, t.Test); ok {
			t.Started = known.started
		}
		all = append(all, t)
		told[[2]string{t.Package, t.Test}] = true
		if i+1 < len(events) && events[i+1].Package == t.Package {
			continue
		}
		for _, hidden := range r.testsOf(t.Package) {
			if !told[[2]string{t.Package, hidden.name}] {
				all = append(all, result.Running{Package: t.Package, Test: hidden.name, Started: hidden.started})
			}
		}
	}
	return all
}

// testOf returns the test of a package that runs in a process of its own and has
// the given name.
func (r *run) testOf(pkg, test string) (runningTest, bool) {
	for _, t := range r.testsOf(pkg) {
		if t.name == test {
			return t, true
		}
	}
	return runningTest{}, false
}

// testsOf returns the tests of a package that run in processes of their own.
func (r *run) testsOf(pkg string) []runningTest {
	for _, s := range r.supervisors {
		if s.tests != nil && s.tests.Package == pkg && !s.gone {
			return s.running
		}
	}
	return nil
}

// shareProcesses tells all who run tests in a process each how many may run at
// once: what is configured for every package, or an equal share.
func (r *run) shareProcesses() {
	var all []*supervised
	for _, s := range r.supervisors {
		if s.tests != nil && !s.gone {
			all = append(all, s)
		}
	}
	order := control.TestsOrder{Processes: r.cfg.Isolation.Processes, SlowAfter: r.cfg.SlowAfter}
	if order.Processes == 0 && len(all) > 0 {
		order.Processes = max(1, runtime.GOMAXPROCS(0)/len(all))
	}
	for _, s := range all {
		if s.told != order {
			s.told = order
			s.peer.Send(control.Order{Tests: &order})
		}
	}
}

// leaked adds what the process of a test left behind to the record of the
// package's last test binary.
func (r *run) leaked(l control.Leaked) {
	for i := len(r.supervisors) - 1; i >= 0; i-- {
		if p := &r.supervisors[i].process; p.Package == l.Package {
			p.Leaks = append(p.Leaks, l.Leaks...)
			return
		}
	}
}

// undivided says on standard error why tests have no process of their own.
func (r *run) undivided(reason string) {
	if r.reasons[reason] {
		return
	}
	if r.reasons == nil {
		r.reasons = make(map[string]bool)
	}
	r.reasons[reason] = true
	r.stream.Note(result.Message("pgtest: --isolate=test: " + reason))
}

// isPerTest says whether a package's tests run in a process each.
func (r *run) isPerTest(pkg string) bool {
	for _, s := range r.supervisors {
		if s.tests != nil && s.tests.Package == pkg {
			return true
		}
	}
	return false
}
