package main

import (
	"flag"
	"fmt"
	"strconv"
	"strings"

	"pgtest/harness/gotest"
)

// words is pgtest's command line, taken apart.
type words struct {
	ours []string // flags for our flag set, each one word: --name or --name=value
	goes goWords
	// command is what --raw-command runs. Its words and GOFLAGS mean nothing to
	// pgtest, so goes is empty then. Nor does GOFLAGS with events from input.
	command []string
	// meant are words that pgtest leaves to the test binary, though they look
	// like flags of its own.
	meant []meant
}

// goWords is what go test gets.
type goWords struct {
	// all are its words, in their order.
	all []string
	// args are the same without -C in front, and with -json in the place of -v,
	// -exec, -toolexec and -json=false: pgtest has values of its own for them.
	args []string
	// atOnce is the value of -p. In GOFLAGS it means nothing to pgtest.
	atOnce string
	chdir
	goFlags
}

// goFlags are the flags of go test that change what pgtest does, wherever they
// were set.
type goFlags struct {
	json, verbose, compileOnly, dryRun, printCommands, keepWork, rebuild bool
	bench, fuzz, list                                                    string
	exec, toolExec                                                       []string
}

// chdir is -C in front of all other words of go test.
type chdir struct {
	dir string
	// at is where it stands on pgtest's command line, in so many words.
	at, words int
}

// A place is where go test has come to on its command line. It decides what a
// word is to go test. The rules are those of testFlags in
// cmd/go/internal/test/testflag.go.
//
//	place           a word that is no flag is        a flag leads to
//	beforePackages  the first package                beforePackages
//	inPackages      the next package                 afterPackages
//	afterPackages   the test binary's first argument afterPackages
//	afterUnknown    perhaps that flag's value        afterPackages
//	inArguments     the next argument                inArguments, as an argument
//
// A flag that go test does not know ends the list of packages, wherever it is.
// Without a value of its own it leads to afterUnknown.
type place int

const (
	beforePackages place = iota
	inPackages
	afterPackages
	afterUnknown
	inArguments
)

// splitter is a command line that is being taken apart.
type splitter struct {
	words
	flags  *flag.FlagSet // pgtest's
	args   []string      // what is left of it
	length int           // of the whole
	at     place
	// raw says that the words from the next one on that is not ours are those
	// of a command, without go test.
	raw bool
	// ended says that no more flags of pgtest can come.
	ended bool
}

// split takes the command line apart: two dashes are pgtest's, one dash is go
// test's and the test binary's. A test binary may have a flag of any name, so
// a word with one dash reaches it whatever flags pgtest has or will have.
//
// With --raw-command, here or in what is set already, the first word that is
// not ours starts the command.
//
// below are the flags that GOFLAGS sets, which the command line overrides.
func split(args []string, below goFlags, ours *flag.FlagSet) (words, error) {
	s := splitter{flags: ours, args: args, length: len(args)}
	if f := ours.Lookup("raw-command"); f != nil {
		s.raw = f.Value.String() == "true"
	}
	s.goes.goFlags = below
	for len(s.args) > 0 {
		if err := s.next(); err != nil {
			return s.words, err
		}
	}
	switch {
	case s.raw && len(s.goes.all) > 0:
		return s.words, fmt.Errorf("--raw-command runs no go test: %s must stand behind --", s.goes.all[0])
	case s.raw:
		s.goes = goWords{}
	case s.readsInput():
		s.goes.goFlags = goFlags{}
	}
	return s.words, nil
}

// readsInput says whether the events come from standard input.
func (w words) readsInput() bool { return len(w.goes.all) == 1 && w.goes.all[0] == "-" }

// next decides whose the next word is, and takes it with its value.
func (s *splitter) next() error {
	f := cutFlag(s.args[0])
	switch {
	case f.word == "--" && s.raw:
		s.takeCommand(s.args[1:])
		return nil
	case f.word == "--":
		s.terminator()
		return nil
	case f.word == "-args", f.word == "--args":
		// What follows is the test binary's. If arguments came before, so is
		// -args itself, but flags of pgtest can't follow it there either.
		s.take(len(s.args))
		return nil
	}
	if name, ok := s.oursName(f); ok {
		// Go test does not see the word, so its place stays the same: in
		// "-custom --format=dots v" the v can still be the value of -custom.
		return s.takeOurs(f, name)
	}
	switch {
	case s.raw:
		s.takeCommand(s.args)
	case s.at == inArguments:
		s.noteMeant(f)
		s.take(1)
	case f.name == "":
		s.takePlain()
	default:
		return s.takeFlag(f)
	}
	return nil
}

// oursName tells whether a word is a flag of pgtest, and of which name.
func (s *splitter) oursName(f flagWord) (string, bool) {
	switch {
	case s.ended:
		return "", false
	case (f.word == "-h" || f.word == "--h") && s.at != inArguments:
		// Go test would print its usage, which does not name our flags.
		return "help", true
	case f.dashes == 1 && f.name == "f" && len(s.goes.all) == 0:
		// Gotestsum's short form of --format. Behind a word of go test it is as
		// likely the test binary's.
		return "format", true
	case f.dashes == 2:
		// No flag of go test has the name of one of ours. One of a test binary
		// that does goes behind -args.
		return f.name, s.flags.Lookup(f.name) != nil
	}
	return "", false
}

// takeOurs takes a flag of pgtest, and its value from the next word if the
// word itself has none.
func (s *splitter) takeOurs(f flagWord, name string) error {
	n := 1
	if !isBoolean(s.flags.Lookup(name)) && !f.hasValue {
		if len(s.args) < 2 {
			return fmt.Errorf("--%s: a value is missing", name)
		}
		f.value, f.hasValue, n = s.args[1], true, 2
	}
	flag := "--" + name
	if f.hasValue {
		flag += "=" + f.value
	}
	if name == "raw-command" {
		on, err := strconv.ParseBool(f.value)
		s.raw = !f.hasValue || err == nil && on
	}
	s.ours = append(s.ours, flag)
	s.args = s.args[n:]
	return nil
}

// terminator takes a --. With nothing but flags of pgtest before it, it ends
// those, as it does for gotestsum, and words of go test follow. Otherwise it
// is go test's, which hands it to the test binary with all that follows.
func (s *splitter) terminator() {
	if s.ended || len(s.ours) == 0 || len(s.goes.all) > 0 {
		s.take(len(s.args))
		return
	}
	s.ended = true
	s.args = s.args[1:]
}

// takeCommand takes all that is left for --raw-command.
func (s *splitter) takeCommand(command []string) { s.command, s.args = command, nil }

// takePlain takes a word that is no flag.
func (s *splitter) takePlain() {
	switch s.at {
	case beforePackages:
		s.at = inPackages
	case afterUnknown:
		s.at = afterPackages
	case afterPackages:
		s.at = inArguments
	}
	s.take(1)
}

// takeFlag takes a flag of go test or of the test binary, with its value.
func (s *splitter) takeFlag(f flagWord) error {
	boolean, known := goTestFlag(f.name)
	if !known {
		s.at = afterPackages
		if !f.hasValue {
			s.at = afterUnknown
		}
		s.noteMeant(f)
		s.take(1)
		return nil
	}
	if s.at != beforePackages {
		s.at = afterPackages
	}
	n := 1
	if !boolean && !f.hasValue && len(s.args) > 1 {
		f.value, f.hasValue, n = s.args[1], true, 2
	}
	if f.name == "p" {
		s.goes.atOnce = f.value
	}
	merged, err := s.goes.set(f.name, f.value, f.hasValue)
	if err != nil {
		return err
	}
	if f.name == "C" && len(s.goes.all) == 0 && f.hasValue {
		s.goes.chdir, merged = chdir{f.value, s.length - len(s.args), n}, true
	}
	s.goes.take(s.args[:n], merged)
	s.args = s.args[n:]
	return nil
}

// take takes the next n words for go test, as they are.
func (s *splitter) take(n int) {
	s.goes.take(s.args[:n], false)
	s.args = s.args[n:]
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
		f.exec, err = gotest.SplitQuoted(value)
		return true, flagError("-exec", err)
	case "toolexec":
		f.toolExec, err = gotest.SplitQuoted(value)
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

// A flagWord is a word of the command line, taken apart as a flag.
type flagWord struct {
	word   string
	dashes int
	// name is "" if go test would not take the word for a flag.
	name, value string
	hasValue    bool
}

func cutFlag(word string) flagWord {
	f := flagWord{word: word}
	rest, ok := strings.CutPrefix(word, "-")
	if !ok {
		return f
	}
	f.dashes = 1
	if r, ok := strings.CutPrefix(rest, "-"); ok {
		f.dashes, rest = 2, r
	}
	if rest == "" || rest[0] == '-' || rest[0] == '=' {
		return f
	}
	f.name, f.value, f.hasValue = strings.Cut(rest, "=")
	return f
}
