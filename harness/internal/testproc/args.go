//go:build unix

package testproc

import (
	"strings"

	"pgtest/harness/gotest"
)

// Filter returns a test binary's arguments without those flags of package
// testing for which keep returns false. It calls keep for each of these flags,
// in order, without "test." before the name. Go test writes each of them as one
// word; behind -args a value may be the next word. The first word that is
// neither a flag nor the value of one ends the flags.
func Filter(args []string, keep func(name, value string) bool) []string {
	var kept []string
	unknown := false // the word may be the value of a flag that is not known
	for len(args) > 0 {
		f := gotest.CutFlag(args[0])
		if f.Word == "--" || f.Name == "" && !unknown {
			break
		}
		n := 1
		name, ours := strings.CutPrefix(f.Name, "test.")
		boolean, known := gotest.KnowsFlag(f.Name)
		switch {
		case f.HasValue || !ours:
		case known && !boolean && len(args) > 1:
			f.Value, n = args[1], 2
		default:
			f.Value = "true"
		}
		unknown = f.Name != "" && !ours && !f.HasValue
		if !ours || keep(name, f.Value) {
			kept = append(kept, args[:n]...)
		}
		args = args[n:]
	}
	return append(kept, args...)
}
