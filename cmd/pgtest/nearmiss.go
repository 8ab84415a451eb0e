package main

import (
	"flag"
	"fmt"
	"io"
	"strings"

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
func (s *splitter) noteMeant(f flagWord) {
	if s.ended || f.name == "" {
		return
	}
	m := meant{word: f.word[:f.dashes+len(f.name)]}
	_, known := goTestFlag(f.name)
	switch {
	case f.dashes == 1 && s.flags.Lookup(f.name) != nil:
		m.name = f.name
	case f.dashes == 1 && f.name == "f":
		m.name = "format" // with a word of go test before it
	case f.dashes == 2 && !known:
		m.name, m.misspelt = nearest(f.name, s.flags), true
	}
	if m.name != "" {
		s.meant = append(s.meant, m)
	}
}

// sayMisspelt says which words with two dashes resemble one of our flags. They
// may still be flags of a test binary.
func (w words) sayMisspelt(out io.Writer) {
	for _, m := range w.meant {
		if m.misspelt {
			fmt.Fprintf(out, "pgtest: %s is no flag of pgtest or go test, and goes to the test binary; did you mean --%s?\n", m.word, m.name)
		}
	}
}

// sayMeant says after a run that a word with one dash went to the test binary,
// though it is the name of one of our flags, if that may be the reason for what
// came of the run: a package that failed before a test of it began, as it does
// with a flag that it does not know, or no package with tests at all.
func (w words) sayMeant(out io.Writer, packages []result.PackageReport) {
	withTests, failedAtOnce := false, false
	for _, p := range packages {
		withTests = withTests || p.End == result.Passed || p.Tests > 0
		failedAtOnce = failedAtOnce || p.End.Failed() && p.Tests == 0 && p.FailedBuild == ""
	}
	if withTests && !failedAtOnce {
		return
	}
	for _, m := range w.meant {
		if !m.misspelt {
			fmt.Fprintf(out, "pgtest: %s went to the test binary; the flag of pgtest is --%s\n", m.word, m.name)
		}
	}
}

// maxMisses is how many letters of a misspelt flag may be wrong.
const maxMisses = 2

// nearest returns the name of the flag that a name resembles most, "" if it
// resembles none.
func nearest(name string, flags *flag.FlagSet) string {
	best, misses := "", maxMisses+1
	flags.VisitAll(func(f *flag.Flag) {
		if n := distance(strings.ToLower(name), f.Name); n < misses {
			best, misses = f.Name, n
		}
	})
	return best
}

// distance counts the letters to insert, delete, change, or swap with their
// neighbour to get from a to b, where no letter is edited twice. It does not
// count beyond maxMisses+1 where the lengths alone differ by more.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	if d := len(from) - len(to); d > maxMisses || -d > maxMisses {
		return maxMisses + 1
	}
	// row holds the distances of the beginning of from that was read to each
	// beginning of to; above and twoAbove those before it.
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	var above, twoAbove []int
	for i := range from {
		row, above, twoAbove = make([]int, len(to)+1), row, above
		row[0] = i + 1
		for j := range to {
			changed := above[j]
			if from[i] != to[j] {
				changed++
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, changed)
			if i > 0 && j > 0 && from[i] == to[j-1] && from[i-1] == to[j] {
				row[j+1] = min(row[j+1], twoAbove[j-1]+1)
			}
		}
	}
	return row[len(to)]
}
