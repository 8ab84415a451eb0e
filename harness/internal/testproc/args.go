//go:build unix

package testproc

import (
	"strings"

	"pgtest/harness/gotest"
)

// Filter returns a test binary's arguments without those flags of package
// testing for which keep returns false. It calls keep for each of these flags,
// in order, without "test." before the name.
func Filter(args []string, keep func(name, value string) bool) []string {
	return Edit(args, func(f gotest.Flag, words []string) []string {
		if keep(strings.TrimPrefix(f.Name, "test."), f.Value) {
			return words
		}
		return nil
	})
}

// Edit returns a test binary's arguments with each flag of package testing, of
// one or two words, replaced by what edit returns for it. Go test writes each
// flag as one word; behind -args a value may be the next word. The first word
// that is neither a flag nor the value of one ends the flags. Flags of the
// binary's own may or may not take a value, so one word is let pass behind each.
func Edit(args []string, edit func(f gotest.Flag, words []string) []string) []string {
	var edited []string
	unknown := false // the word may be the value of a flag that is not known
	for len(args) > 0 {
		f := gotest.CutFlag(args[0])
		if f.Word == "--" || f.Name == "" && !unknown {
			break
		}
		n, ours := 1, strings.HasPrefix(f.Name, "test.")
		boolean, known := gotest.KnowsFlag(f.Name)
		switch {
		case f.HasValue || !ours:
		case known && !boolean && len(args) > 1:
			f.Value, n = args[1], 2
		default:
			f.Value = "true"
		}
		unknown = f.Name != "" && !ours && !f.HasValue
		if ours {
			edited = append(edited, edit(f, args[:n])...)
		} else {
			edited = append(edited, args[0])
		}
		args = args[n:]
	}
	return append(edited, args...)
}
