//go:build unix

package pertest

import (
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgtest/harness/internal/pattern"
)

// A test is what one process runs: a top-level test, an example, or the seeds
// of a fuzz target. Without a name it stands for all tests that have no process
// of their own.
type test struct {
	name  string
	run   string // its -test.run, "" for none
	skip  string // its -test.skip, "" for none
	cpu   string // its -test.cpu, "" for none
	count string // its -test.count
	index int    // its place in the output
}

func (t *test) isExample() bool { return strings.HasPrefix(t.name, "Example") }

// isRest reports whether the process runs the tests that have none of their
// own.
func (t *test) isRest() bool { return t.name == "" }

// number is that of the test's process for the run.
func (t *test) number() int { return t.index + 1 }

func (t *test) title() string {
	if t.isRest() {
		return "the process for tests that are not listed"
	}
	return t.name
}

// A selection is the list of processes for what the binary would run.
//
// The listing may be wrong, and each test still runs once: the last processes
// run what the user asked for except the names that have processes of their
// own, which is usually nothing.
type selection struct {
	tests  []*test // in its order
	header string  // what package testing prints before them
	count  int     // of the tests that have a name
}

// maxPattern bounds a pattern in bytes. Linux takes arguments of up to 128 KiB
// each, and a pattern of the user's has to go with it.
const maxPattern = 64 << 10

// selectTests divides what the binary would run. Of a root test with several
// tests in alone, each of them gets a process, and what is not among them none.
func selectTests(l *listing, b binary, alone []string) (selection, error) {
	var sel selection
	tests, fuzzes, examples := divide(l.names)
	var err error
	// Package testing shuffles the tests with their duplicates.
	if sel.header, err = shuffle(tests, b.flags["shuffle"]); err != nil {
		return sel, err
	}
	add := func(t test) {
		t.index = len(sel.tests)
		sel.tests = append(sel.tests, &t)
	}
	addAll := func(names []string, cpu string) {
		for _, name := range names {
			run, ok := pattern.Narrow(b.flags["run"], name)
			if !ok || pattern.Skips(b.flags["skip"], name) {
				continue
			}
			runs := []string{run}
			if parts := below(name, alone); len(parts) > 1 {
				runs = parts
			}
			for _, run := range runs {
				add(test{name: name, run: run, skip: b.flags["skip"], cpu: cpu, count: "1"})
				sel.count++
			}
		}
	}
	// The order of package testing: examples run once whatever -cpu and -count
	// are.
	for _, names := range [][]string{unique(tests), unique(fuzzes)} {
		for _, cpu := range b.cpus() {
			for range b.count() {
				addAll(names, cpu)
			}
		}
	}
	addAll(unique(examples), "")
	for _, listed := range pattern.Others(l.names, maxPattern) {
		add(rest(b, listed))
	}
	return sel, nil
}

// below returns patterns of the tests among names that are subtests of root.
func below(root string, names []string) []string {
	var patterns []string
	for _, name := range names {
		if strings.HasPrefix(name, root+"/") {
			patterns = append(patterns, pattern.Exact(name))
		}
	}
	return patterns
}

// rest returns the process for what a pattern of listed names leaves out.
// Listed names are matched by the same expression in -run and in -skip: package
// testing compiles an expression anew unless it is the one that it used last,
// so between other patterns it would be compiled again for each name.
func rest(b binary, listed string) test {
	t := test{run: b.flags["run"], skip: listed, cpu: b.flags["cpu"], count: b.flags["count"]}
	if t.run != "" && listed != "" {
		t.run = listed + "|" + t.run
	}
	t.skip = pattern.Alternatives(listed, b.flags["skip"])
	return t
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

// unique returns the names without duplicates, in the order of their first
// occurrence. Tests of the package and of its external test package may share a
// name; they run in one process.
func unique(names []string) []string {
	seen := make(map[string]bool)
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		was := seen[name]
		seen[name] = true
		return was
	})
}

// shuffle puts the tests in the order that package testing gives them (func (m
// *M) Run in testing.go), and returns what it prints then.
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
