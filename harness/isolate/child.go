//go:build unix

package isolate

import (
	"flag"
	"testing"
)

// A child's reports to its parent, one byte each.
const (
	reportBegan    = 'b' // the function begins
	reportReturned = 'r' // the function has returned
	reportPassed   = 'p' // the test has ended, cleanup functions included
	reportFailed   = 'f'
	reportSkipped  = 's'
)

// isElsewhere reports whether another process makes the call. If this child
// makes it, isElsewhere runs f and ends the test.
func isElsewhere(t *testing.T, c call, f func(t *testing.T)) bool {
	t.Helper()
	switch placeOf(c) {
	case target:
		runTarget(t, f)
	case around:
		f(t)
		leave(t)
	case elsewhere:
		return true
	}
	return false
}

// runTarget runs the function that this child was started for, and ends the
// test.
func runTarget(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if !targetBegun.CompareAndSwap(false, true) {
		t.SkipNow() // a TestMain that calls m.Run again
	}
	// The log of this process goes to the parent line by line, so that it
	// survives a crash. That needs -test.v, but the function must see the
	// user's value.
	flag.Set("test.v", assigned.Verbose)
	ownStdout.WriteString(assigned.Mark)
	report(reportBegan)

	returned := false
	// Registered first, this runs after all cleanup functions of f.
	t.Cleanup(func() {
		targetEnded.Store(true)
		switch {
		case t.Failed():
			report(reportFailed)
		case t.Skipped() && !returned:
			report(reportSkipped)
		default:
			report(reportPassed)
		}
	})
	f(t)
	returned = true
	report(reportReturned)
	leave(t)
}

// leave ends the test without running the code that follows the call, which
// only the parent runs.
func leave(t *testing.T) {
	if t.Failed() {
		t.FailNow()
	}
	t.SkipNow()
}

// report sends a report to the parent. It ignores errors: if the parent is
// gone, this process will be, too.
func report(what byte) {
	reports.Write([]byte{what})
}
