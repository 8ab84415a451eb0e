package main

import (
	"fmt"
	"strconv"
	"strings"

	"pgtest/harness/quoted"
)

// words is pgtest's command line, taken apart.
type words struct {
	ours []string // flags for our flag set, each one word: -name or -name=value
	goes goWords
	rest []string // what follows a --, for a command line without go test
}

// goWords is what go test gets.
type goWords struct {
	// all are its words, in their order.
	all []string
	// args are the same without -C in front, and with -json in the place of -v,
	// -exec, -toolexec and -json=false: pgtest has values of its own for them.
	args []string
	goFlags
}

// goFlags are the flags of go test that change what pgtest does, wherever they
// were set.
type goFlags struct {
	json, verbose, compileOnly, dryRun, printCommands, keepWork, rebuild bool
	bench, fuzz, list                                                    string
	chdir                                                                string
	exec, toolExec                                                       []string
}

// split takes the command line apart. A word belongs to us if it names one of
// our flags at a place where go test would look for a flag; everything else is
// go test's.
//
// Which places those are depends on the flags before: whether they take a
// value, and on the package list, which a flag that go test does not know ends.
// The rules are those of testFlags in cmd/go/internal/test/testflag.go.
//
// below are the flags that GOFLAGS sets, which the command line overrides.
func split(args []string, below goFlags, isOurs func(name string) (ours, boolean bool)) (words, error) {
	w := words{goes: goWords{goFlags: below}}
	packagesDone, inPackages, afterUnknown := false, false, false
	for len(args) > 0 {
		word := args[0]
		wasAfterUnknown := afterUnknown
		afterUnknown = false

		if word == "--" {
			if len(w.ours) > 0 && len(w.goes.all) == 0 {
				// Only our flags stand before it: it ends them, as it does for
				// gotestsum. Otherwise it is go test's.
				after, err := split(args[1:], below, func(string) (bool, bool) { return false, false })
				w.goes, w.rest = after.goes, args[1:]
				return w, err
			}
			w.goes.take(args, false)
			return w, nil
		}
		name, value, hasValue := cutFlag(word)
		if name == "" {
			switch {
			case inPackages || !packagesDone:
				packagesDone, inPackages = true, true
			case !wasAfterUnknown:
				// An argument of the test binary, as is all that follows.
				w.goes.take(args, false)
				return w, nil
			}
			w.goes.take(args[:1], false)
			args = args[1:]
			continue
		}
		if ours, boolean := isOurs(name); ours {
			if !boolean && !hasValue {
				if len(args) < 2 {
					return w, fmt.Errorf("--%s: a value is missing", name)
				}
				value, hasValue, args = args[1], true, args[1:]
			}
			flag := "-" + name
			if hasValue {
				flag += "=" + value
			}
			w.ours = append(w.ours, flag)
			args = args[1:]
			continue
		}
		inPackages = false
		if name == "args" {
			w.goes.take(args, false)
			return w, nil
		}
		boolean, known := goTestFlags[strings.TrimPrefix(name, "test.")]
		n := 1
		switch {
		case !known:
			packagesDone = true
			afterUnknown = !hasValue
		case !boolean && !hasValue && len(args) > 1:
			value, hasValue, n = args[1], true, 2
		}
		merged, err := w.goes.set(name, value, hasValue)
		if err != nil {
			return w, err
		}
		if name == "C" && len(w.goes.all) == 0 && hasValue {
			w.goes.chdir, merged = value, true
		}
		w.goes.take(args[:n], merged)
		args = args[n:]
	}
	return w, nil
}

// take appends words for go test.
func (g *goWords) take(words []string, merged bool) {
	g.all = append(g.all, words...)
	if merged {
		// A flag ends the package list, so one has to stay in its place:
		// go test ./a -v ./b hands ./b to the test binary.
		words = []string{"-json"}
	}
	g.args = append(g.args, words...)
}

// set notes a flag of go test. It reports whether the flag must not reach go
// test as it is, because pgtest puts a merged one in its place.
func (f *goFlags) set(name, value string, hasValue bool) (merged bool, err error) {
	on := !hasValue
	if hasValue {
		// -v also takes test2json, which is true. A value that is no boolean is
		// for go test to complain about.
		b, err := strconv.ParseBool(value)
		on = err != nil || b
	}
	switch strings.TrimPrefix(name, "test.") {
	case "json":
		f.json = on
		return !on, nil
	case "v":
		f.verbose = on
		// The test binary has to get test2json, which go test -json gives it:
		// with any other value, off too, what tests print can be taken for
		// what package testing says of them.
		return isVerbosity(value, hasValue), nil
	case "c":
		f.compileOnly = on
	case "n":
		f.dryRun = on
	case "a":
		f.rebuild = on
	case "x":
		f.printCommands = on
	case "work":
		f.keepWork = on
	case "bench":
		f.bench = value
	case "fuzz":
		f.fuzz = value
	case "list":
		f.list = value
	case "exec":
		f.exec, err = quoted.Split(value)
		return true, flagError("-exec", err)
	case "toolexec":
		f.toolExec, err = quoted.Split(value)
		return true, flagError("-toolexec", err)
	}
	return false, nil
}

// isVerbosity says whether go test takes the value of -v.
func isVerbosity(value string, hasValue bool) bool {
	_, err := strconv.ParseBool(value)
	return !hasValue || value == "test2json" || err == nil
}

func flagError(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// cutFlag takes a flag apart. The name is "" if the word is no flag.
func cutFlag(word string) (name, value string, hasValue bool) {
	name, ok := strings.CutPrefix(word, "-")
	if !ok || name == "" {
		return "", "", false
	}
	name = strings.TrimPrefix(name, "-")
	return strings.Cut(name, "=")
}
