// Package gotest knows go test's command line: which words are flags, values,
// packages and arguments of the test binary, what GOFLAGS adds, and how to say
// the same command with another flag or other packages. It starts no process.
package gotest

import (
	"slices"
	"strings"
)

// A Line is a command line of go test: the words behind "go test". The zero
// Line is empty. Methods that return another Line leave their own as it is.
type Line struct {
	parts []Part
	at    place
}

// A Part is a flag with its value, another single word, or all words from -args
// or -- on.
type Part struct {
	Kind
	// Words are the part's words on the line.
	Words []string
	// Flag is the first word, taken apart. Its Value may be the second word.
	Flag
}

// A Kind says what a part of a line is to go test.
type Kind int

const (
	// OwnFlag is a flag of go test. Many are handed to the test binary as well.
	OwnFlag Kind = iota
	// OtherFlag is a flag that go test does not know: the test binary's.
	OtherFlag
	// Package is a package pattern, or a file.
	Package
	// Argument is the test binary's: an argument, or the value of an OtherFlag.
	Argument
	// Rest is -args or --, with all words that follow. They are the test
	// binary's, and so is -- itself. Behind an argument of the test binary,
	// -args and all that follows are Argument.
	Rest
)

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

// Parse takes a line apart. There is no line that it can't take apart: go test
// itself says what is wrong with one.
func Parse(words []string) Line {
	var l Line
	for len(words) > 0 {
		words = words[len(l.Next(words).Words):]
	}
	return l
}

// Next appends the first part of words to the line, and returns it. Words must
// not be empty.
func (l *Line) Next(words []string) Part {
	p := Part{Kind: Argument, Flag: CutFlag(words[0])}
	n := 1
	switch {
	case EndsFlags(words[0]):
		n = len(words)
		if l.at != inArguments {
			p.Kind = Rest
		}
	case l.at == inArguments:
	case p.Name == "":
		p.Kind = l.plain()
	default:
		n = l.flag(&p, words)
	}
	p.Words = slices.Clone(words[:n])
	l.parts = append(l.parts, p)
	return p
}

// EndsFlags says whether a word leaves all words behind it to the test binary.
func EndsFlags(word string) bool { return word == "--" || word == "-args" || word == "--args" }

// plain tells what a word is that is no flag, and goes on to the place behind
// it.
func (l *Line) plain() Kind {
	switch l.at {
	case beforePackages, inPackages:
		l.at = inPackages
		return Package
	case afterUnknown:
		l.at = afterPackages
	default:
		l.at = inArguments
	}
	return Argument
}

// flag tells what a flag is, and goes on to the place behind it and its value.
// It returns how many words these are.
func (l *Line) flag(p *Part, words []string) int {
	boolean, known := KnowsFlag(p.Name)
	switch {
	case !known && !p.HasValue:
		p.Kind, l.at = OtherFlag, afterUnknown
		return 1
	case !known:
		p.Kind, l.at = OtherFlag, afterPackages
		return 1
	case l.at != beforePackages:
		l.at = afterPackages
	}
	p.Kind = OwnFlag
	if boolean || p.HasValue || len(words) == 1 {
		return 1
	}
	p.Value, p.HasValue = words[1], true
	return 2
}

// InArguments says whether an argument of the test binary came that all others
// must follow.
func (l Line) InArguments() bool { return l.at == inArguments }

// Parts returns the line's parts in their order.
func (l Line) Parts() []Part { return l.parts }

// Words returns the line's words.
func (l Line) Words() []string {
	var words []string
	for _, p := range l.parts {
		words = append(words, p.Words...)
	}
	return words
}

// Packages returns the packages that the line names. None is the package in the
// working directory.
func (l Line) Packages() []string {
	var packages []string
	for _, p := range l.parts {
		if p.Kind == Package {
			packages = append(packages, p.Word)
		}
	}
	return packages
}

// Value returns what the last setting of a flag of go test sets it to, ""
// without any.
func (l Line) Value(name string) string {
	value := ""
	for _, p := range l.parts {
		if p.sets(name) {
			value = p.Value
		}
	}
	return value
}

// sets says whether a part sets a flag of go test.
func (p Part) sets(name string) bool {
	return p.Kind == OwnFlag && strings.TrimPrefix(p.Name, "test.") == name
}

// With returns the line with a flag of go test set to a value, for -run, -skip
// and -count: in the place of each setting of it, or before everything but -C.
// What the test binary gets behind -args stays as it is, and wins there over
// the flag.
func (l Line) With(name, value string) Line {
	return l.replace(func(p Part) bool { return p.sets(name) }, true, "-"+name+"="+value)
}

// WithPackages returns the line with other packages in the place of its own. It
// takes at least one: none would be the package in the working directory.
func (l Line) WithPackages(first string, more ...string) Line {
	return l.replace(func(p Part) bool { return p.Kind == Package }, false, append([]string{first}, more...)...)
}

// replace returns the line with words in the place of its own parts of some
// kind: of each, or of all together. If there are none, the words come first;
// only -C must come before them.
func (l Line) replace(own func(Part) bool, each bool, with ...string) Line {
	var words []string
	found := false
	for _, p := range l.parts {
		switch {
		case !own(p):
			words = append(words, p.Words...)
		case each || !found:
			words, found = append(words, with...), true
		}
	}
	if !found {
		at := 0
		if _, ok := l.Dir(); ok {
			at = len(l.parts[0].Words)
		}
		words = slices.Insert(words, at, with...)
	}
	return Parse(words)
}

// Dir returns the value of a -C in front of all other words. It has no effect
// elsewhere: go test refuses it.
func (l Line) Dir() (string, bool) {
	if len(l.parts) == 0 || l.parts[0].Kind != OwnFlag || l.parts[0].Name != "C" || !l.parts[0].HasValue {
		return "", false
	}
	return l.parts[0].Value, true
}
