//go:build unix

package proc

import (
	"strings"
	"unicode"
)

// maxCommand bounds a command line, in bytes.
const maxCommand = 200

// printable turns words that end with NUL into one line that a terminal and an
// XML file can show, cut to maxCommand.
func printable(words []byte) string {
	line := strings.TrimRight(string(words), "\x00")
	line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, line)
	if len(line) > maxCommand {
		line = strings.ToValidUTF8(line[:maxCommand], "") + "…"
	}
	return line
}
