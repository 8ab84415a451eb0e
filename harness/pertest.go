package harness

import (
	"runtime"

	"pgtest/harness/control"
)

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

// isPerTest says whether a package's tests run in a process each.
func (r *run) isPerTest(pkg string) bool {
	for _, s := range r.supervisors {
		if s.tests != nil && s.tests.Package == pkg {
			return true
		}
	}
	return false
}
