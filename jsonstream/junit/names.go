package junit

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode/utf8"

	"pgtest/jsonstream/result"
)

// maxName is how many bytes Trunk takes of a name.
const maxName = 1000

// short shortens a name that is too long: its end becomes a part of a hash, so
// that it differs from others and is the same in each run.
func short(name string) string {
	if 3*len(name) <= maxName {
		return name
	}
	legal := legal(name)
	if len(legal) <= maxName {
		return name
	}
	tail := fmt.Sprintf("…%x", sha256.Sum256([]byte(name)))[:len("…")+16]
	n := maxName - len(tail)
	for !utf8.RuneStart(legal[n]) {
		n--
	}
	return legal[:n] + tail
}

// legal is a text as it stands in XML.
func legal(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && !strings.ContainsRune("\t\n\r", r) || r == 0xFFFE || r == 0xFFFF {
			return utf8.RuneError
		}
		return r
	}, s)
}

// caseName is the name of a test's case. Of several runs in a round each has its
// own: readers take only the first of cases with the same name, or the last.
func caseName(t *result.Test) string {
	if t.Earlier > 0 {
		return numbered(t.Name, t.Earlier+1)
	}
	return short(t.Name)
}

// numbered is the name for the nth run of what has a name. No test of Go has a
// space in its name.
func numbered(name string, n int) string { return short(fmt.Sprintf("%s (run %d)", name, n)) }
