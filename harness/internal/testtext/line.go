package testtext

import (
	"fmt"
	"strings"
)

// A Kind is the kind of a line of package testing.
type Kind int

const (
	None      Kind = iota // the line is not package testing's
	Run                   // a test begins
	Pause                 // a test waits for its turn among parallel ones
	Continue              // a test goes on
	Name                  // what follows belongs to a test, or with "" to none
	Attr                  // a test has an attribute
	Artifacts             // a test has a directory for artifacts
	Report                // a test has ended
	End                   // all tests have ended
)

// A Verdict is how a test, or all tests, ended.
type Verdict string

const (
	Pass Verdict = "PASS"
	Fail Verdict = "FAIL"
	Skip Verdict = "SKIP"
)

// A Line is a line of package testing.
type Line struct {
	Kind    Kind
	Verdict Verdict // of a Report or an End
	Test    string
	Rest    string // behind the name of an Attr's or Artifacts' test
}

var updates = []struct {
	text string
	kind Kind
}{
	{"=== RUN   ", Run}, {"=== PAUSE ", Pause}, {"=== CONT  ", Continue}, {"=== NAME  ", Name},
	{"=== ATTR  ", Attr}, {"=== ARTIFACTS ", Artifacts},
}

// ParseLine takes apart a line, without the marker that begins it and the
// newline that ends it.
func ParseLine(line string) Line {
	for _, u := range updates {
		if rest, ok := strings.CutPrefix(line, u.text); ok {
			test, rest, _ := strings.Cut(rest, " ")
			return Line{Kind: u.kind, Test: test, Rest: rest}
		}
	}
	if rest, ok := strings.CutPrefix(line, "--- "); ok {
		verdict, rest, _ := strings.Cut(rest, ": ")
		test, _, _ := strings.Cut(rest, " (")
		switch v := Verdict(verdict); v {
		case Pass, Fail, Skip:
			return Line{Kind: Report, Verdict: v, Test: test}
		}
	}
	switch v := Verdict(line); v {
	case Pass, Fail:
		return Line{Kind: End, Verdict: v}
	}
	return Line{}
}

// NameLine returns the line that says that the following output belongs to a
// test, or to none if test is "".
func NameLine(test string) string { return Marker + "=== NAME  " + test + "\n" }

// ReportLine returns the line that says that a test has ended.
func ReportLine(v Verdict, test string, seconds float64) string {
	return fmt.Sprintf("%s--- %s: %s (%.2fs)\n", Marker, v, test, seconds)
}

// EndLine returns the line that says that all tests have ended.
func EndLine(v Verdict) string { return Marker + string(v) + "\n" }

const (
	// LogIndent begins the lines that a test logs.
	LogIndent = "    "
	// NoTests is the line that says that no test ran. The go command looks for
	// it.
	NoTests = "testing: warning: no tests to run\n"
	// TimedOut begins the panic of -timeout; the value of the flag follows.
	TimedOut = "panic: test timed out after "
)

const coverage = "coverage: "

// IsCoverage reports whether a line states the coverage, which differs from
// process to process.
func IsCoverage(line string) bool { return strings.HasPrefix(line, coverage) }

// WithoutCoverage returns a text without such lines.
func WithoutCoverage(text string) string {
	if !strings.Contains(text, coverage) {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !IsCoverage(line) {
			b.WriteString(line)
		}
	}
	return b.String()
}
