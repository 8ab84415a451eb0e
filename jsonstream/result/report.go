// Package result is the vocabulary between a run and its outputs: what became of
// packages and tests, and what the run itself has to say ([Note]). It knows no
// output and no go command.
package result

import "time"

// Report is what a whole stream said. As JSON its members have the names of the
// fields; durations are nanoseconds, times as in RFC 3339, an End is its text.
type Report struct {
	// Packages are all packages of the stream, sorted by import path.
	Packages []PackageReport
	// Tests counts tests, subtests, examples, benchmarks and fuzz tests that
	// were started; the others are the part of them with that end. FailedTests
	// counts packages that failed without a failed test, too.
	Tests, FailedTests, SkippedTests, InterruptedTests int
	// QuarantinedTests are the part of the skipped ones that failed in quarantine.
	QuarantinedTests int `json:",omitzero"`
	// Errors counts build errors and other lines that go wrote as errors.
	Errors int
	// Rounds counts the run and its reruns. FlakyTests counts the tests that
	// failed and passed in a later round; they are not among FailedTests.
	Rounds, FlakyTests int
	// FailedBuilds are the packages that could not be built, as go names them.
	FailedBuilds []string
	// Empty says that there was no event at all, Cut that the stream ended in the
	// middle of one.
	Empty, Cut bool
	// Started is the time of the earliest event, Elapsed the time from it to
	// the latest one, or to the interruption of what has no end. Both are zero if no event had a time.
	Started time.Time
	Elapsed time.Duration
}

// Package returns the report of the package with the given import path, nil if
// the stream had no such package.
func (r *Report) Package(path string) *PackageReport {
	for i := range r.Packages {
		if r.Packages[i].Path == path {
			return &r.Packages[i]
		}
	}
	return nil
}

// OK reports whether every package passed or had no tests, no build failed, and
// the stream is whole.
func (r *Report) OK() bool {
	for _, p := range r.Packages {
		if !p.End.OK() {
			return false
		}
	}
	return len(r.FailedBuilds) == 0 && !r.Cut
}

// PackageReport is what the stream said about one package, in all rounds.
type PackageReport struct {
	// Path is the import path.
	Path string
	// End is Skipped for a package without test files.
	End End
	// Elapsed is what the end event said, in milliseconds' precision.
	Elapsed time.Duration
	// Cached says that go took the result from its cache.
	Cached bool
	// Coverage is go's sentence ("coverage: 71.4% of statements") or empty.
	Coverage string
	// FailedBuild is the package that could not be built, if that is why this
	// one failed.
	FailedBuild string
	// NoEnd says that the stream ended before the package.
	NoEnd bool
	// Panicked says that the package or one of its tests printed a panic.
	Panicked bool
	// Tests counts the started tests and subtests, PassedTests those that passed.
	Tests, PassedTests int
	// Failed, Skipped and Interrupted are the tests with such an end, in the
	// order in which they ended. Flaky are the failures of tests that passed in
	// a later round.
	Failed, Skipped, Interrupted, Flaky []TestReport
	// Finished says that package testing came to its verdict, so that every test
	// that was to run has run.
	Finished bool `json:"-"`
	// Passes says how often each test passed, if the stream was asked to count.
	// It is nil for a package that passed in the first round.
	Passes map[string]int `json:"-"`
	// Unreached are root tests that did not run because the run ended early, and
	// Reason says why.
	Unreached []string `json:",omitempty"`
	Reason    string   `json:",omitempty"`
	// Shuffle is the seed with which the tests were shuffled, or "".
	Shuffle string `json:"-"`
}

// TestReport is what the stream said about one test that did not pass.
type TestReport struct {
	Name    string
	Round   int // 0 is the run itself, 1 its first rerun
	End     End
	Elapsed time.Duration
	// NoEnd says that the stream had no end event for the test: its process
	// ended first.
	NoEnd bool
	// Panicked says that the test printed what looks like a panic.
	Panicked bool
	// Error is the first line that the stream says is an error of the test, which
	// it does from Go 1.27 on.
	Error string
}
