package supervisor

import (
	"os"
	"time"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/pertest"
	"pgtest/harness/internal/stress"
	"pgtest/harness/internal/testproc"
	"pgtest/harness/override"
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
	// Overrides is the key of what control.OverridesVariable has, which keeps go test
	// from taking cached results of other settings.
	Overrides string
	// Divided has the tests of all packages run in a process each, whatever
	// overrides say.
	Divided bool
	// Asks makes the supervisor run those of the package's tests that the run says.
	Asks bool
	// GoTimeout, unless 0, is -timeout: for the go command it is 0 then, because what
	// it starts may wait, or runs tests that may take longer.
	GoTimeout time.Duration
}

// asks is the request for a place for a test binary.
func (o Options) asks(command []string, pkg func() string, own override.Settings) *control.Asks {
	dir, _ := os.Getwd() // go test starts a test binary in the package's directory
	divided := o.Stress || o.isPerTest(pkg, own) && pertest.Divides(fullyVerbose(command[1:]))
	return &control.Asks{Package: pkg(), Dir: dir, Divided: divided}
}

// overridden returns the options as rules have them for a package. Where a test may
// run for longer than -timeout, that limits each of the others.
func (o Options) overridden(rules override.Rules, pkg string) Options {
	if leaks := rules.Package(pkg).Leaks; leaks.Set() {
		o.FailOnLeaks = leaks.Is == override.FailLeaks
	}
	if rules.Outlasts(pkg, o.GoTimeout) {
		o.EachTimeout, o.GoTimeout = o.GoTimeout, 0
	}
	return o
}

// withTimeout puts -timeout into the arguments of a test binary.
func (o Options) withTimeout(args []string) []string {
	if o.GoTimeout == 0 {
		return args
	}
	args = testproc.Filter(args, func(name, _ string) bool { return name != "timeout" })
	return append([]string{"-test.timeout=" + o.GoTimeout.String()}, args...)
}
