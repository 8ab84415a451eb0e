//go:build unix

package pertest

import (
	"time"

	"pgtest/harness/internal/control"
)

// A reporter sends reports about the tests of a package to the run. Without a
// run it does nothing.
type reporter struct {
	client *control.Client // nil without a run
	pkg    string
}

// announce reports how many tests there are. The run answers with an order that
// says how many processes may run at once.
func (r *reporter) announce(tests int) {
	r.client.Report(control.Report{Tests: &control.Tests{Package: r.pkg, Count: tests}})
}

// undivided reports why tests have no process of their own.
func (r *reporter) undivided(reason string) {
	r.client.Report(control.Report{Undivided: &control.Undivided{Reason: reason}})
}

func (r *reporter) started(test string, pid int) {
	r.client.Report(control.Report{Running: &control.Running{Test: test, PID: pid}})
}

func (r *reporter) ended(test string, pid int) {
	r.client.Report(control.Report{Running: &control.Running{Test: test, PID: pid, Ended: true}})
}

func (r *reporter) began(test string, elapsed time.Duration) {
	r.client.Report(control.Report{Began: &control.Began{Package: r.pkg, Test: test, Elapsed: elapsed}})
}

func (r *reporter) slow(test string, elapsed time.Duration) {
	r.client.Report(control.Report{Slow: &control.Slow{Package: r.pkg, Test: test, Elapsed: elapsed}})
}

func (r *reporter) leaked(test string, leaks []control.Leak) {
	for i := range leaks {
		leaks[i].Test = test
	}
	r.client.Report(control.Report{Leaked: &control.Leaked{Package: r.pkg, Leaks: leaks}})
}
