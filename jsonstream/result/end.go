package result

// End says how a test or a package ended. Its text is for people and for JSON.
type End string

const (
	NotRun      End = "not run"
	Passed      End = "passed"
	Skipped     End = "skipped" // also a package without test files
	Failed      End = "failed"
	Raced       End = "data race"
	Panicked    End = "panicked"
	TimedOut    End = "timed out" // -timeout, not the run's own limit for tests
	Exited      End = "exited"    // the process ended before the test
	Killed      End = "killed"    // the process died of a signal
	BuildFailed End = "build failed"
	Interrupted End = "interrupted" // the run was being ended
	NoEnd       End = "no end"      // the events end before the package
)

// Failed reports whether the end is a failure. An interruption is none, and no
// success either.
func (e End) Failed() bool {
	switch e {
	case NotRun, Passed, Skipped, Interrupted:
		return false
	}
	return true
}

// OK reports whether the test or the package passed or was skipped.
func (e End) OK() bool { return e == Passed || e == Skipped }
