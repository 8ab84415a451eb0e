//go:build unix

package pertest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Role is the first argument of a pgtest that runs a package's tests in a process each.
const Role = "__tests"

// Options are what the role is told on its command line.
type Options struct {
	// TestTimeout is how long a test may run; 0 is no limit but -timeout.
	TestTimeout time.Duration
	// FailOnLeaks makes a test fail that leaves processes behind.
	FailOnLeaks bool
	// Command is the test binary, behind the words of programs that run it, if there are any.
	Command []string
	// Args are the test binary's arguments.
	Args []string
}

const (
	testTimeout = "--test-timeout="
	failOnLeaks = "--fail-on-leaks"
	command     = "--command="
)

// Words returns the options as words for a command line, to go behind the role's name.
func (o Options) Words() []string {
	var words []string
	if o.TestTimeout > 0 {
		words = append(words, testTimeout+o.TestTimeout.String())
	}
	if o.FailOnLeaks {
		words = append(words, failOnLeaks)
	}
	words = append(words, command+strconv.Itoa(len(o.Command)))
	return append(append(words, o.Command...), o.Args...)
}

// parseWords is the inverse of Words.
func parseWords(words []string) (o Options, err error) {
	for i, word := range words {
		value := word[strings.IndexByte(word, '=')+1:]
		switch {
		case strings.HasPrefix(word, testTimeout):
			if o.TestTimeout, err = time.ParseDuration(value); err != nil {
				return o, err
			}
		case word == failOnLeaks:
			o.FailOnLeaks = true
		case strings.HasPrefix(word, command):
			n, err := strconv.Atoi(value)
			if rest := words[i+1:]; err == nil && n > 0 && n <= len(rest) {
				o.Command, o.Args = rest[:n], rest[n:]
				return o, nil
			}
			return o, fmt.Errorf("%s: %s: bad count", Role, word)
		default:
			return o, fmt.Errorf("%s: %s: unknown option", Role, word)
		}
	}
	return o, errors.New(Role + ": no test binary")
}
