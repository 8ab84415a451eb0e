package result

import (
	"bytes"
	"iter"
	"regexp"
	"strconv"
	"sync"
)

// A Position is a line of a source file as an output names it.
type Position struct {
	File string
	Line int
}

// positioned is a line of an output that begins with a position: of package
// testing, a compiler, go vet, or a stack trace. testify writes it as an error's
// trace.
var positioned = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:vet: |\s+(?:Error Trace:\s+)?)?([^\s:][^:\n]*\.[A-Za-z]\w*):(\d+)(?::|\s|$)`)
})

// Positions returns the positions in what the test printed, from the line on
// that says why it failed.
func (t *Test) Positions() iter.Seq[Position] {
	from := t.said().at
	return positions(func(yield func([]byte) bool) {
		n := 0
		for line := range t.Own() {
			if n >= from && !yield(line) {
				return
			}
			n++
		}
	})
}

// Positions returns the positions in what explains how the package failed.
func (p *Package) Positions() iter.Seq[Position] { return positions(p.Explanation()) }

func positions(lines iter.Seq[[]byte]) iter.Seq[Position] {
	return func(yield func(Position) bool) {
		for line := range lines {
			if bytes.IndexByte(line, ':') < 0 {
				continue
			}
			m := positioned().FindSubmatch(line[:min(len(line), messageLimit)])
			if m == nil {
				continue
			}
			n, err := strconv.Atoi(string(m[2]))
			if err == nil && !yield(Position{string(m[1]), n}) {
				return
			}
		}
	}
}
