package genstream

import (
	_ "embed"
	"strconv"
	"strings"
)

//go:embed oddlines
var oddLines string

// OddLines returns lines that go does not write, without their line ends. The
// last two are deeply nested.
func OddLines() []string {
	var lines []string
	for quoted := range strings.Lines(oddLines) {
		line, err := strconv.Unquote(strings.TrimSuffix(quoted, "\n"))
		if err != nil {
			panic(err)
		}
		lines = append(lines, line)
	}
	return append(lines, strings.Repeat("[", 20000), `{"Action":"run","X":`+strings.Repeat("[", 11000)+strings.Repeat("]", 11000)+`}`)
}
