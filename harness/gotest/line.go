// Package gotest knows go test's command line: which words are flags, values,
// packages and arguments of the test binary, what GOFLAGS adds, and how to say
// the same command with another flag or other packages. It starts no process.
package gotest

import (
	"slices"
	"strings"
)

// A Line is a command line of go test: the words after "go test". The zero Line
// is empty. Methods that return another Line do not change their receiver.
type Line struct {
	parts []Part
	at    place
}

// A Part is a flag with its value, another single word, or -args or -- with all
// words after it.
type Part struct {
	Kind
	// Words are the part's words on the line.
	Words []string
	// Flag is the first word, taken apart. Its Value may be the second word.
	Flag
}

// A Kind is what a part of a line is to go test.
type Kind int

const (
	// OwnFlag is a flag of go test, which passes many of them to the test
	// binary, too.
	OwnFlag Kind = iota
	// OtherFlag is a flag that go test does not know, and passes to the test
	// binary.
	OtherFlag
	// Package is a package pattern, or a file.
	Package
	// Argument is an argument of the test binary, or the value of an OtherFlag.
	Argument
	// Rest is -args or --, with all words that follow. The words belong to the
	// test binary, and so does -- itself. After an argument of the test binary,
	// -args and all that follows are Argument.
	Rest
)

// A place is the state of go test's parser. It decides what the next word is.
// The rules are those of testFlags in cmd/go/internal/test/testflag.go.
//
//	place           a word that is no flag is        a flag leads to
//	beforePackages  the first package                beforePackages
//	inPackages      the next package                 afterPackages
//	afterPackages   the test binary's first argument afterPackages
//	afterUnknown    perhaps that flag's value        afterPackages
//	inArguments     the next argument                inArguments, as an argument
//
// A flag that go test does not know ends the list of packages, wherever it is.
// Without =value it leads to afterUnknown.
type place int

const (
	beforePackages place = iota
	inPackages
	afterPackages
	afterUnknown
	inArguments
)

// Parse parses a command line. It never fails: go test itself reports what is
// wrong with a line.
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

// EndsFlags reports whether a word leaves all words after it to the test
// binary.
func EndsFlags(word string) bool { return word == "--" || word == "-args" || word == "--args" }

// plain returns the kind of a word that is no flag, and moves to the place
// after it.
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

// flag determines the kind of a flag, moves to the place after the flag and its
// value, and returns how many words these are.
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

// InArguments reports whether the line has come to an argument of the test
// binary, so that all words that follow are arguments, too.
func (l Line) InArguments() bool { return l.at == inArguments }

// TakesPackages reports whether the next word, unless it is a flag, is a package.
func (l Line) TakesPackages() bool { return l.at == beforePackages || l.at == inPackages }

// Pending returns the name of a flag of go test at the line's end that lacks its
// value, or "".
func (l Line) Pending() string {
	if len(l.parts) == 0 {
		return ""
	}
	last := l.parts[len(l.parts)-1]
	if boolean, _ := KnowsFlag(last.Name); last.Kind != OwnFlag || boolean || last.HasValue {
		return ""
	}
	return last.Name
}

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

// Packages returns the packages that the line names. If there are none, go test
// takes the package in the working directory.
func (l Line) Packages() []string {
	var packages []string
	for _, p := range l.parts {
		if p.Kind == Package {
			packages = append(packages, p.Word)
		}
	}
	return packages
}

// FileFlags returns the line's flags that decide which files packages have.
// Other go commands know them, too.
func (l Line) FileFlags() []string {
	var words []string
	for _, p := range l.parts {
		if p.Kind == OwnFlag && slices.Contains(fileFlags, p.Name) {
			words = append(words, p.Words...)
		}
	}
	return words
}

// ListWords returns the words with which go list lists the line's packages: the
// packages, and the flags that decide which files they have.
func (l Line) ListWords() []string { return append(l.FileFlags(), l.Packages()...) }

// Value returns the value in the last setting of a flag of go test, or ""
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

func (p Part) sets(name string) bool {
	return p.Kind == OwnFlag && strings.TrimPrefix(p.Name, "test.") == name
}

// With returns the line with a flag of go test set to a value, for flags
// such as -run and -count. It replaces each setting of the flag, or inserts one before
// everything except -C. The test binary's words after -args stay, and override
// the flag.
func (l Line) With(name, value string) Line {
	return l.replace(func(p Part) bool { return p.sets(name) }, true, "-"+name+"="+value)
}

// WithPackages returns the line with other packages in place of its own. It
// takes at least one, since an empty list would mean the package in the working
// directory.
func (l Line) WithPackages(first string, more ...string) Line {
	return l.replace(func(p Part) bool { return p.Kind == Package }, false, append([]string{first}, more...)...)
}

// WithArgument returns the line with a flag for the test binary right behind its
// packages. A line without packages gets the one in the working directory.
func (l Line) WithArgument(flag string) Line {
	packages := func(p Part) bool { return p.Kind == Package }
	if names := l.Packages(); len(names) > 0 {
		return l.replace(packages, false, append(names, flag)...)
	}
	return l.replace(packages, false, ".", flag)
}

// VetFlags are go vet's for the checks that go test makes before it runs tests.
var VetFlags = []string{
	"-atomic", "-bool", "-buildtags", "-directive", "-errorsas", "-ifaceassert", "-nilfunc", "-printf", "-slog", "-stringintconv", "-tests",
}

// replace returns the line with words in place of those of its parts for which
// own returns true: of each of them, or of all together. If there are none, the
// words come first; only -C must come before them.
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

// Dir returns the value of a -C in front of all other words. Elsewhere go test
// refuses the flag.
func (l Line) Dir() (string, bool) {
	if len(l.parts) == 0 || l.parts[0].Kind != OwnFlag || l.parts[0].Name != "C" || !l.parts[0].HasValue {
		return "", false
	}
	return l.parts[0].Value, true
}
