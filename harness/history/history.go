// Package history keeps what came of earlier runs of a module: their events and
// a summary of each, in files of the user's own. It knows what a run is, and
// neither how one is started nor what shows it.
//
// A run is written while it goes on, so one that was killed is in the history,
// too. Readers take what is whole of it: what had no end when the run was killed
// was interrupted.
package history

import (
	"time"

	"pgtest/jsonstream/result"
)

// A Header says how a run was started.
type Header struct {
	Started time.Time
	// Command are the words behind the program's name, Dir is where they were
	// given.
	Command []string
	Dir     string
	// Env has the variables that can change a result.
	Env map[string]string `json:",omitempty"`
	// Program is the version of pgtest.
	Program string
	// Patterns are the packages that the run was about, as they were named in
	// GoDir. They are empty for a run of another command.
	Patterns []string `json:",omitempty"`
	GoDir    string   `json:",omitempty"`
	// BuildFlags are the flags that choose files of these packages.
	BuildFlags []string `json:",omitempty"`
	// Narrow has the flags that chose some of the packages' tests. It is empty if
	// all were to run.
	Narrow []string `json:",omitempty"`
	// FailFast says that behind a failed test there may be others that did not
	// run.
	FailFast bool `json:",omitempty"`
	// Outstanding says that the run was one of tests that had not passed. Dropped
	// has those of them that are no more, by package; a package without any is none
	// itself.
	Outstanding bool                `json:",omitempty"`
	Dropped     map[string][]string `json:",omitempty"`
}

// A Tree is what git says of a run's source files. It is empty if git says
// nothing.
type Tree struct {
	Commit string `json:",omitempty"`
	// Changes stands for all changes since the commit, "" for none: it is the
	// same for the same changes.
	Changes string `json:",omitempty"`
}

// An Outcome is how a run ended.
type Outcome string

const (
	Passed      Outcome = "passed"
	Failed      Outcome = "failed"
	Interrupted Outcome = "interrupted"
	Killed      Outcome = "killed"  // the run itself, which did not come to its end
	Running     Outcome = "running" // it has no end yet, and no Summary
)

// A Summary is what came of a run. It is read without the run's events.
type Summary struct {
	Outcome Outcome
	// ExitCode is the exit status, -1 of a run that was killed.
	ExitCode int
	Elapsed  time.Duration
	// Tests counts the tests that were started, subtests among them; the others
	// are the part of them with that end. FailedTests counts packages that failed
	// without a failed test, too. FlakyTests passed when they ran again.
	Tests, FailedTests, SkippedTests, InterruptedTests, FlakyTests int
	Packages                                                       []Package
	// Slow are the tests that took longest, a tenth of a second or more, the slowest
	// first. Subtests are not among them.
	Slow []result.Timed `json:",omitempty"`
}

// A Package is what came of a package in a run.
type Package struct {
	Path string
	End  result.End
	// Elapsed is what go said, of the first round if tests ran again. With Cached
	// it is the time of another run.
	Elapsed time.Duration `json:",omitempty"`
	Cached  bool          `json:",omitempty"`
	// Failed, Interrupted and Unreached are names of tests, each once, in the
	// order in which they ended. A failed test that passed when it ran again is in
	// Flaky in its place.
	Failed, Interrupted, Unreached, Flaky []string `json:",omitempty"`
	// Line says why a package failed in which no test did.
	Line string `json:",omitempty"`
	// Rest says that of the package's tests there may be some that did not run,
	// without a name here: its process ended before they did.
	Rest bool `json:",omitempty"`
}

// A Test is what came of one run of a test, or of a subtest.
type Test struct {
	Package, Name string
	Round         int `json:",omitempty"` // 0 is the run itself, 1 its first rerun
	End           result.End
	Elapsed       time.Duration
	// Line is the first line that says why it failed.
	Line string `json:",omitempty"`
}
