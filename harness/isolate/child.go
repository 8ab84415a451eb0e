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

// isElsewhere reports whether the call is another process's. If it is this
// child's it runs f and ends the test.
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

// runTarget runs the function that this child is for, and ends the test.
func runTarget(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if !targetBegun.CompareAndSwap(false, true) {
		t.SkipNow() // a TestMain that calls m.Run again
	}
	// The log of this process goes to the parent line by line, so that it
	// survives a crash. That takes -test.v, but the function is to see the
	// user's.
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

// leave ends the test without running the code that follows the call: that
// belongs to the parent.
func leave(t *testing.T) {
	if t.Failed() {
		t.FailNow()
	}
	t.SkipNow()
}

// report tells the parent what has happened. If the parent is gone, so is this
// process, or will be.
func report(what byte) {
	reports.Write([]byte{what})
}
