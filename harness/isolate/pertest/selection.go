//go:build unix

package pertest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"pgtest/harness/isolate/pattern"
)

// A test is one process: a top-level test, an example, or the seeds of a fuzz target.
type test struct {
	name  string
	run   string // its -test.run
	cpu   string // its -test.cpu, "" for none
	index int    // its place in the output
}

func (t *test) isExample() bool { return strings.HasPrefix(t.name, "Example") }

// isListed says whether a line is a name as -test.list prints it. No package-level
// regexp: every role of pgtest would compile it when it starts.
func isListed(line string) bool {
	for _, kind := range []string{"Test", "Benchmark", "Fuzz", "Example"} {
		if strings.HasPrefix(line, kind) {
			return strings.IndexFunc(line, unicode.IsSpace) < 0
		}
	}
	return false
}

// A selection is what the binary would run.
type selection struct {
	tests   []*test // in its order
	chatter string  // what the package's TestMain prints around them
	header  string  // what package testing prints before them
}

// selectTests finds what the binary would run.
func selectTests(command []string, b binary) (selection, error) {
	var sel selection
	names, chatter, err := list(command, b)
	if err != nil {
		return sel, err
	}
	sel.chatter = chatter
	tests, fuzzes, examples := divide(names)
	if sel.header, err = shuffle(tests, b.flags["shuffle"]); err != nil {
		return sel, err
	}
	add := func(names []string, cpu string) {
		for _, name := range names {
			if run, ok := pattern.Narrow(b.flags["run"], name); ok && !pattern.Skips(b.flags["skip"], name) {
				sel.tests = append(sel.tests, &test{name: name, run: run, cpu: cpu, index: len(sel.tests)})
			}
		}
	}
	// The order of package testing: examples run once whatever -cpu and -count are.
	for _, names := range [][]string{tests, fuzzes} {
		for _, cpu := range b.cpus() {
			for range b.count() {
				add(names, cpu)
			}
		}
	}
	add(examples, "")
	return sel, nil
}

// list asks the binary for all its names. The rest of its output is TestMain's.
func list(command []string, b binary) (names []string, chatter string, err error) {
	out, err := output(command, b.processArgs("list=."))
	if err != nil {
		return nil, "", err
	}
	for line := range bytes.Lines(out) {
		name := strings.TrimSuffix(string(line), "\n")
		if isListed(name) {
			names = append(names, name)
		} else {
			chatter += string(line)
		}
	}
	return names, chatter, nil
}

// output runs the binary and returns what it prints. A text file is busy as long as a process that go test forked
// while it wrote the file has not come to its exec (golang/go#22315), so that error passes.
func output(command, args []string) ([]byte, error) {
	for wait := time.Millisecond; ; wait *= 2 {
		cmd := exec.Command(command[0], append(command[1:len(command):len(command)], args...)...)
		out, err := cmd.CombinedOutput()
		if !errors.Is(err, syscall.ETXTBSY) || wait > time.Second {
			return out, err
		}
		time.Sleep(wait)
	}
}

// divide sorts names by what they are, and drops benchmarks.
func divide(names []string) (tests, fuzzes, examples []string) {
	for _, name := range names {
		switch {
		case strings.HasPrefix(name, "Test"):
			tests = append(tests, name)
		case strings.HasPrefix(name, "Fuzz"):
			fuzzes = append(fuzzes, name)
		case strings.HasPrefix(name, "Example"):
			examples = append(examples, name)
		}
	}
	return tests, fuzzes, examples
}

// shuffle puts the tests in the order that package testing gives them (func (m *M) Run in testing.go), and returns
// what it prints then.
func shuffle(tests []string, how string) (string, error) {
	if how == "" || how == "off" {
		return "", nil
	}
	seed := time.Now().UnixNano()
	if how != "on" {
		var err error
		if seed, err = strconv.ParseInt(how, 10, 64); err != nil {
			return "", err
		}
	}
	rng := rand.New(rand.NewSource(seed))
	rng.Shuffle(len(tests), func(i, j int) { tests[i], tests[j] = tests[j], tests[i] })
	return fmt.Sprintln("-test.shuffle", seed), nil
}
