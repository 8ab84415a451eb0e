//go:build unix

package pertest

import (
	"time"

	"pgtest/harness/internal/control"
)

// A link tells the run of the tests of a package. Without a run they go on
// without reports and orders.
type reporter struct {
	client *control.Client // nil for none
	pkg    string
}

// announce tells the run what there is to do. Its order says with how many
// processes.
func (r *reporter) announce(tests int) {
	r.client.Report(control.Report{Tests: &control.Tests{Package: r.pkg, Count: tests}})
}

// undivided tells the run why tests have no process of their own.
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
