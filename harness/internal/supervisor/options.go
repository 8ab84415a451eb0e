package supervisor

import (
	"pgtest/harness/internal/stress"
	"pgtest/harness/internal/testproc"
)

// Options are the supervisor's settings, put on its command line by package
// words. They are part of the words of go test's -exec and so of the key of its
// result cache. So they may contain only what can change a package's result, and
// must be the same from run to run. Via is the user's own -exec program.
type Options struct {
	testproc.Options
	// Program identifies the program that supervises, as harness finds it, or
	// is empty if that is unknown. The supervisor does not use it: it keeps go
	// test from taking cached results of another version.
	Program string
	// Terminal leaves the test binary in the process group and session of the
	// supervisor, and so with its controlling terminal.
	Terminal bool
	// PerTest lists patterns of packages whose tests run in a process each, as
	// matchesPackage takes them.
	PerTest []string
	// Stress has each test binary run again and again, within Limits.
	Stress bool
	stress.Limits
	// Asks makes the supervisor ask the run which of the package's tests run.
	Asks bool
}
