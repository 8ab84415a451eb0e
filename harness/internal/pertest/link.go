//go:build unix

package pertest

import (
	"time"

	"pgtest/harness/control"
)

// A link tells the run of the tests of a package. Without a run they go on
// without reports and orders.
type link struct {
	run *control.Run // nil for none
	pkg string
}

// hello tells the run what there is to do. Its order says with how many
// processes.
func (l *link) hello(tests int) {
	l.run.Report(control.Report{Tests: &control.Tests{Package: l.pkg, Count: tests}})
}

// undivided tells the run why tests have no process of their own.
func (l *link) undivided(reason string) {
	l.run.Report(control.Report{Undivided: &control.Undivided{Reason: reason}})
}

func (l *link) started(test string, pid int) {
	l.run.Report(control.Report{Running: &control.Running{Test: test, PID: pid}})
}

func (l *link) ended(test string, pid int) {
	l.run.Report(control.Report{Running: &control.Running{Test: test, PID: pid, Ended: true}})
}

func (l *link) began(test string, elapsed time.Duration) {
	l.run.Report(control.Report{Began: &control.Began{Package: l.pkg, Test: test, Elapsed: elapsed}})
}

func (l *link) slow(test string, elapsed time.Duration) {
	l.run.Report(control.Report{Slow: &control.Slow{Package: l.pkg, Test: test, Elapsed: elapsed}})
}

func (l *link) leaked(test string, leaks []control.Leak) {
	for i := range leaks {
		leaks[i].Test = test
	}
	l.run.Report(control.Report{Leaked: &control.Leaked{Package: l.pkg, Leaks: leaks}})
}
