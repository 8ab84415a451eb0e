//go:build unix

package pertest

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// Role is the first argument of a pgtest that runs a package's tests in a
// process each.
const Role = "__tests"

// Options are the role's settings, passed on its command line.
type Options struct {
	// TestTimeout is how long a test may run. With 0 only -timeout limits it.
	TestTimeout time.Duration
	// FailOnLeaks makes a test fail that leaves processes behind.
	FailOnLeaks bool
	// Alone are tests and subtests of which each gets a process. Without them
	// each root test gets one, for all of its subtests.
	Alone []string
	// Command is the test binary, after the words of the program that runs it,
	// if there is one.
	Command []string
	// Args are the test binary's arguments.
	Args []string
}

const (
	testTimeout = "test-timeout"
	failOnLeaks = "fail-on-leaks"
	alone       = "alone"
	command     = "command" // how many words of Command follow
)

// Words returns the options as words for a command line, to go behind the
// role's name.
func (o Options) Words() []string {
	words := []string{
		"--" + testTimeout + "=" + o.TestTimeout.String(),
		"--" + failOnLeaks + "=" + strconv.FormatBool(o.FailOnLeaks),
	}
	for _, name := range o.Alone {
		words = append(words, "--"+alone+"="+name)
	}
	words = append(words, "--"+command+"="+strconv.Itoa(len(o.Command)))
	return slices.Concat(words, o.Command, o.Args)
}

// parseWords is the inverse of Words.
func parseWords(words []string) (o Options, err error) {
	set := flag.NewFlagSet(Role, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.DurationVar(&o.TestTimeout, testTimeout, 0, "")
	set.BoolVar(&o.FailOnLeaks, failOnLeaks, false, "")
	set.Func(alone, "", func(name string) error {
		o.Alone = append(o.Alone, name)
		return nil
	})
	n := set.Uint(command, 0, "")
	if err := set.Parse(words); err != nil {
		return o, fmt.Errorf("%s: %w", Role, err)
	}
	rest := set.Args()
	if *n == 0 || *n > uint(len(rest)) {
		return o, fmt.Errorf("%s: no test binary", Role)
	}
	o.Command, o.Args = rest[:*n], rest[*n:]
	return o, nil
}
