package flags

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"pgtest/cmd/pgtest/internal/nearest"
	"pgtest/harness"
	"pgtest/harness/gotest"
	"pgtest/jsonstream/result"
)

// meant is a word that goes to the test binary, though the user may have meant
// one of our flags.
type meant struct {
	word string // without its value
	// name is that of our flag. With misspelt the word has two dashes and
	// resembles it, otherwise it has one dash and is that name, or -f.
	name     string
	misspelt bool
}

// noteMeant keeps a word that goes to the test binary if it looks like one of
// our flags.
func (s *splitter) noteMeant(f gotest.Flag) {
	if s.ended || f.Name == "" {
		return
	}
	m := meant{word: f.Word[:f.Dashes+len(f.Name)]}
	_, known := gotest.KnowsFlag(f.Name)
	switch {
	case f.Dashes == 1 && s.flags.lookup(f.Name) != nil:
		m.name = f.Name
	case f.Dashes == 1 && f.Name == "f":
		m.name = "format" // with a word of go test before it
	case f.Dashes == 2 && !known:
		m.name, m.misspelt = s.flags.nearest(f.Name), true
	}
	if m.name != "" {
		s.meant = append(s.meant, m)
	}
}

// SayMisspelt says which words with two dashes resemble one of our flags, and
// which variables one of ours. The words may still be flags of a test binary, and
// the variables another program's.
func (c *CommandLine) SayMisspelt(out io.Writer) {
	for _, m := range c.meant {
		if m.misspelt {
			fmt.Fprintf(out, "pgtest: %s is no flag of pgtest or go test, and goes to the test binary; did you mean --%s?\n", m.word, m.name)
		}
	}
	ours := newSet(new(Options))
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		rest, isOurs := strings.CutPrefix(name, environmentPrefix)
		if !isOurs || value == "" || isTestVariable(name) {
			continue
		}
		near := ours.lookup(ours.nearest(strings.ReplaceAll(rest, "_", "-")))
		if near != nil && near.Variable() != "" && near.Variable() != name {
			fmt.Fprintf(out, "pgtest: %s is no variable of pgtest; did you mean %s?\n", name, near.Variable())
		}
	}
}

// isTestVariable reports whether pgtest sets a variable for tests and setups, one of
// which may run pgtest.
func isTestVariable(name string) bool {
	return name == harness.SetupVariable || slices.Contains(harness.PlaceVariables, name)
}

// SayMeant says after a run that a word with one dash went to the test binary,
// though it is the name of one of our flags, if that may be the reason for what
// came of the run: a package that failed before a test of it began, as it does
// with a flag that it does not know, or no package with tests at all.
func (c *CommandLine) SayMeant(out io.Writer, packages []result.PackageReport) {
	withTests, failedAtOnce := false, false
	for _, p := range packages {
		withTests = withTests || p.End == result.Passed || p.Tests > 0
		failedAtOnce = failedAtOnce || p.End.Failed() && p.Tests == 0 && p.FailedBuild == ""
	}
	if withTests && !failedAtOnce {
		return
	}
	for _, m := range c.meant {
		if !m.misspelt {
			fmt.Fprintf(out, "pgtest: %s went to the test binary; the flag of pgtest is --%s\n", m.word, m.name)
		}
	}
}

// nearest returns the name of the flag that a name resembles most, "" if it
// resembles none.
func (s set) nearest(name string) string {
	var names []string
	for _, r := range s.rows {
		names = append(names, r.Name)
	}
	return nearest.Of(name, names)
}
