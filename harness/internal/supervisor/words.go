package supervisor

import (
	"flag"
	"fmt"
	"io"
	"strconv"
	"time"

	"pgtest/harness/internal/stress"
)

// Options are the supervisor's settings, passed on its command line. They are
// part of the words of go test's -exec and so of the key of its result cache.
// So they may contain only what can change a package's result, and must be the
// same from run to run.
type Options struct {
	// Program identifies the program that supervises, as harness finds it, or
	// is empty if that is unknown. The supervisor does not use it: it keeps go
	// test from taking cached results of another version.
	Program string
	// Via is the user's own -exec program and its arguments, if any. The test
	// binary and its arguments are appended to it.
	Via []string
	// FailOnLeaks makes a package that leaks processes fail.
	FailOnLeaks bool
	// Terminal leaves the test binary in the process group and session of the
	// supervisor, and so with its controlling terminal.
	Terminal bool
	// PerTest lists patterns of packages whose tests run in a process each, as
	// matchesPackage takes them.
	PerTest []string
	// Stress, unless nil, has each test binary run again and again.
	Stress *stress.Limits
	// Again says that some tests of each package run again: the supervisor asks
	// the run which.
	Again bool
	// TestTimeout limits how long a test with a process of its own may run; 0
	// is no limit.
	TestTimeout time.Duration
}

// Words returns the options as words for a command line, to go between the
// role's name and the test binary.
func (o Options) Words() []string {
	var words []string
	add := func(name, value string) { words = append(words, "--"+name+"="+value) }
	if o.Program != "" {
		add(program, o.Program)
	}
	if o.FailOnLeaks {
		add(failOnLeaks, "true")
	}
	if o.Terminal {
		add(terminal, "true")
	}
	if o.Again {
		add(again, "true")
	}
	for _, pattern := range o.PerTest {
		add(perTest, pattern)
	}
	if o.Stress != nil {
		add(stressed, o.Stress.String())
	}
	if o.TestTimeout > 0 {
		add(testTimeout, o.TestTimeout.String())
	}
	if len(o.Via) > 0 {
		add(via, strconv.Itoa(len(o.Via)))
	}
	return append(words, o.Via...)
}

const (
	program     = "program"
	failOnLeaks = "fail-on-leaks"
	terminal    = "terminal"
	perTest     = "per-test"
	again       = "again"
	testTimeout = "test-timeout"
	stressed    = "stress"
	via         = "via" // how many words of Via follow
)

// parseWords is the inverse of Words. The second result is the test binary and
// its arguments, at least one word.
func parseWords(words []string) (o Options, command []string, err error) {
	set := flag.NewFlagSet(Role, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&o.Program, program, "", "")
	set.BoolVar(&o.FailOnLeaks, failOnLeaks, false, "")
	set.BoolVar(&o.Terminal, terminal, false, "")
	set.BoolVar(&o.Again, again, false, "")
	set.Func(perTest, "", func(pattern string) error {
		o.PerTest = append(o.PerTest, pattern)
		return nil
	})
	set.DurationVar(&o.TestTimeout, testTimeout, 0, "")
	set.Func(stressed, "", func(v string) (err error) {
		o.Stress = new(stress.Limits)
		*o.Stress, err = stress.ParseLimits(v)
		return err
	})
	n := set.Uint(via, 0, "")
	if err := set.Parse(words); err != nil {
		return o, nil, fmt.Errorf("%s: %w", Role, err)
	}
	command = set.Args()
	switch {
	case *n > uint(len(command)):
		return o, nil, fmt.Errorf("%s: --%s=%d: bad count", Role, via, *n)
	case *n == uint(len(command)):
		return o, nil, fmt.Errorf("%s: no test binary", Role)
	case *n > 0:
		o.Via, command = command[:*n], command[*n:]
	}
	return o, command, nil
}
