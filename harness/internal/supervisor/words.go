package supervisor

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Options are what a supervisor is told on its command line. They are part of
// the words of go test's -exec and so of the key of its result cache: what is
// here must be what can change a package's result, and the same from run to
// run.
type Options struct {
	// Program identifies the program that supervises, as harness finds it. The
	// supervisor does nothing with it: it keeps go test from taking results
	// from its cache that another version came to. Empty is unknown.
	Program string
	// Via is the user's own -exec program and its arguments; the test binary
	// and its arguments are appended. Empty is none.
	Via []string
	// FailOnLeaks makes a package that leaks processes fail.
	FailOnLeaks bool
	// Terminal leaves the test binary in the process group and session of the
	// supervisor, and so with its controlling terminal.
	Terminal bool
	// PerTest lists patterns of packages whose tests run in a process each, as
	// matchesPackage takes them.
	PerTest []string
	// TestTimeout is how long a test may run that has a process of its own; 0
	// is no limit.
	TestTimeout time.Duration
}

// Words returns the options as words for a command line, to go between the
// role's name and the test binary.
func (o Options) Words() []string {
	var words []string
	if o.Program != "" {
		words = append(words, program+o.Program)
	}
	if o.FailOnLeaks {
		words = append(words, failOnLeaks)
	}
	if o.Terminal {
		words = append(words, terminal)
	}
	for _, pattern := range o.PerTest {
		words = append(words, perTest+pattern)
	}
	if o.TestTimeout > 0 {
		words = append(words, testTimeout+o.TestTimeout.String())
	}
	if len(o.Via) > 0 {
		words = append(words, via+strconv.Itoa(len(o.Via)))
		words = append(words, o.Via...)
	}
	return words
}

const (
	program     = "--program="
	failOnLeaks = "--fail-on-leaks"
	terminal    = "--terminal"
	perTest     = "--per-test="
	testTimeout = "--test-timeout="
	via         = "--via="
)

// parseWords is the inverse of Words. The second result is the test binary and
// its arguments, at least one word.
func parseWords(words []string) (Options, []string, error) {
	var o Options
	for len(words) > 0 && strings.HasPrefix(words[0], "--") {
		word := words[0]
		words = words[1:]
		switch {
		case strings.HasPrefix(word, program):
			o.Program = word[len(program):]
		case word == failOnLeaks:
			o.FailOnLeaks = true
		case word == terminal:
			o.Terminal = true
		case strings.HasPrefix(word, perTest):
			o.PerTest = append(o.PerTest, word[len(perTest):])
		case strings.HasPrefix(word, testTimeout):
			d, err := time.ParseDuration(word[len(testTimeout):])
			if err != nil {
				return o, nil, fmt.Errorf("__exec: %s: %w", word, err)
			}
			o.TestTimeout = d
		case strings.HasPrefix(word, via):
			n, err := strconv.Atoi(word[len(via):])
			if err != nil || n < 0 || n > len(words) {
				return o, nil, fmt.Errorf("__exec: %s: bad count", word)
			}
			o.Via, words = words[:n], words[n:]
		default:
			return o, nil, fmt.Errorf("__exec: %s: unknown option", word)
		}
	}
	if len(words) == 0 {
		return o, nil, errors.New("__exec: no test binary")
	}
	return o, words, nil
}
