//go:build unix

package testproc

import (
	"strings"

	"pgtest/harness/gotest"
)

// Filter returns a test binary's arguments without those flags of package
// testing for which keep returns false. It calls keep for each of these flags,
// in order, without "test." before the name. Go test writes each of them as one
// word. The first word that is neither a flag nor the value of an unknown one
// ends the flags.
func Filter(args []string, keep func(name, value string) bool) []string {
	var kept []string
	unknown := false
	for i, word := range args {
		f := gotest.CutFlag(word)
		isFlag := f.Dashes > 0
		if !isFlag && !unknown || word == "--" {
			return append(kept, args[i:]...)
		}
		name, ours := strings.CutPrefix(f.Name, "test.")
		unknown = isFlag && !ours && !f.HasValue
		if !f.HasValue {
			f.Value = "true"
		}
		if !isFlag || !ours || keep(name, f.Value) {
			kept = append(kept, word)
		}
	}
	return kept
}
