//go:build unix

package stress

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Role is the first argument of a pgtest that runs a test binary again and
// again.
const Role = "__stress"

// Limits say how often and for how long a test binary is run.
type Limits struct {
	// Runs is how often to run it; 0 is no limit.
	Runs int
	// Time is how long new runs begin; 0 is no limit. One begins in any case.
	Time time.Duration
	// Timeout is the value of -timeout for each run; 0 is no limit.
	Timeout time.Duration
}

// String returns the limits as one word.
func (l Limits) String() string { return fmt.Sprintf("%d,%v,%v", l.Runs, l.Time, l.Timeout) }

// ParseLimits is the inverse of String.
func ParseLimits(word string) (l Limits, err error) {
	parts := strings.Split(word, ",")
	if len(parts) != 3 {
		return l, fmt.Errorf("%s: no limits: %q", Role, word)
	}
	var errs [3]error
	l.Runs, errs[0] = strconv.Atoi(parts[0])
	l.Time, errs[1] = time.ParseDuration(parts[1])
	l.Timeout, errs[2] = time.ParseDuration(parts[2])
	return l, errors.Join(errs[:]...)
}

// Options are the role's settings, passed on its command line.
type Options struct {
	// Package is the import path of the package that the binary tests.
	Package string
	Limits
	// TestTimeout is how long a run may take before the role ends it; 0 is no
	// limit.
	TestTimeout time.Duration
	// FailOnLeaks makes a run fail that leaves processes behind.
	FailOnLeaks bool
	// Command is the test binary, after the words of the program that runs it,
	// if there is one.
	Command []string
	// Args are the test binary's arguments.
	Args []string
}

// Words returns the options as words for a command line, to go behind the
// role's name.
func (o Options) Words() []string {
	words := []string{
		"--package=" + o.Package,
		"--limits=" + o.Limits.String(),
		"--test-timeout=" + o.TestTimeout.String(),
		"--fail-on-leaks=" + strconv.FormatBool(o.FailOnLeaks),
		"--command=" + strconv.Itoa(len(o.Command)),
	}
	return slices.Concat(words, o.Command, o.Args)
}

// parseWords is the inverse of Words.
func parseWords(words []string) (o Options, err error) {
	set := flag.NewFlagSet(Role, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&o.Package, "package", "", "")
	set.Func("limits", "", func(v string) (err error) {
		o.Limits, err = ParseLimits(v)
		return err
	})
	set.DurationVar(&o.TestTimeout, "test-timeout", 0, "")
	set.BoolVar(&o.FailOnLeaks, "fail-on-leaks", false, "")
	n := set.Uint("command", 0, "")
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
