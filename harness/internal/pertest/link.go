//go:build unix

package pertest

import (
	"os"
	"time"

	"pgtest/harness/control"
)

// A link is the connection to the run, or nothing if there is none: then the
// tests run without reports and orders.
type link struct {
	run    *control.Run
	orders <-chan control.Order
	pkg    string
}

// dial connects to the run and removes its socket from the environment.
func dial() *link {
	path := os.Getenv(control.SocketVariable)
	os.Unsetenv(control.SocketVariable)
	if path == "" {
		return &link{}
	}
	run, err := control.Dial(path)
	if err != nil {
		return &link{}
	}
	return &link{run: run, orders: run.Orders()}
}

// hello tells the run what there is to do. Its order says with how many
// processes.
func (l *link) hello(tests int) {
	l.report(control.Report{Tests: &control.Tests{Package: l.pkg, Count: tests}})
}

// undivided tells the run why tests have no process of their own.
func (l *link) undivided(reason string) {
	l.report(control.Report{Undivided: &control.Undivided{Reason: reason}})
}

func (l *link) started(test string, pid int) {
	l.report(control.Report{Running: &control.Running{Test: test, PID: pid}})
}

func (l *link) ended(test string, pid int) {
	l.report(control.Report{Running: &control.Running{Test: test, PID: pid, Ended: true}})
}

func (l *link) began(test string, elapsed time.Duration) {
	l.report(control.Report{Began: &control.Began{Package: l.pkg, Test: test, Elapsed: elapsed}})
}

func (l *link) slow(test string, elapsed time.Duration) {
	l.report(control.Report{Slow: &control.Slow{Package: l.pkg, Test: test, Elapsed: elapsed}})
}

func (l *link) leaked(test string, leaks []control.Leak) {
	for i := range leaks {
		leaks[i].Test = test
	}
	l.report(control.Report{Leaked: &control.Leaked{Package: l.pkg, Leaks: leaks}})
}

// report sends a message to the run. An error is no news: the end of orders
// tells the same.
func (l *link) report(m control.Report) {
	if l.run != nil {
		l.run.Report(m)
	}
}

func (l *link) close() {
	if l.run != nil {
		l.run.Close()
	}
}
