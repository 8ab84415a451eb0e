package test2json

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// The bytes with which package testing marks its own lines and, since Go 1.27,
// errors.
const (
	frameMark  = 'V' & 0x1f
	errorBegin = 'O' & 0x1f
	errorEnd   = 'N' & 0x1f
	escapeMark = '[' & 0x1f
)

// A cutter cuts text into lines. One ends behind a newline or in front of a
// frameMark. A line that does not fit into the buffer is passed on in parts, as
// is the name of a benchmark, whose result comes later.
type cutter struct {
	buf     []byte
	size    int
	inLine  bool // the line's beginning was passed on
	escapes bool // an escapeMark takes the meaning of the mark behind it
	escaped bool // the last byte that was looked at is an escapeMark
	line    func([]byte)
	part    func([]byte)
}

func (c *cutter) write(text []byte) {
	for len(text) > 0 {
		n := min(len(text), c.size-len(c.buf))
		c.buf = append(c.buf, text[:n]...)
		text = text[n:]
		rest := c.cut(c.buf)
		if len(rest) == c.size {
			n := wholeRunes(rest)
			c.part(rest[:n])
			c.inLine, rest = true, rest[n:]
		}
		c.buf = c.buf[:copy(c.buf, rest)]
	}
}

// cut passes on what has an end, and returns what is left.
func (c *cutter) cut(text []byte) []byte {
	for len(text) > 0 {
		end := c.end(text)
		switch {
		case end < 0 && !c.inLine:
			n := benchmarkName(text)
			if n > 0 {
				c.part(text[:n])
				c.inLine = true
			}
			return text[n:]
		case end < 0:
			return text
		case c.inLine:
			c.part(text[:end])
		default:
			c.line(text[:end])
		}
		c.inLine, text = false, text[end:]
	}
	return text
}

// end returns the length of the first line, or -1. A text that had no end is
// looked at again from its beginning when more comes, and escaped then still is
// what it was at the end: go's converter does the same.
func (c *cutter) end(text []byte) int {
	for i, b := range text {
		switch {
		case b == '\n':
			return i + 1
		case c.escaped:
			c.escaped = false
		case c.escapes && b == escapeMark:
			c.escaped = true
		case b == frameMark && i > 0:
			return i
		}
	}
	return -1
}

// flush passes on a line without an end.
func (c *cutter) flush() {
	if len(c.buf) > 0 {
		c.part(c.buf)
		c.buf = c.buf[:0]
	}
}

// benchmarkName returns the length of the benchmark's name that a line begins
// with, up to and with its tab, or 0.
func benchmarkName(line []byte) int {
	tab := bytes.IndexByte(line, '\t')
	if tab < 0 {
		return 0
	}
	rest, is := bytes.CutPrefix(bytes.TrimRight(line[:tab], " "), []byte("Benchmark"))
	if first, _ := utf8.DecodeRune(rest); !is || len(rest) > 0 && unicode.IsLower(first) {
		return 0
	}
	return tab + 1
}

// wholeRunes returns the length of text without the beginning of a character at
// its end, whose other bytes are still to come.
func wholeRunes(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		switch first := text[len(text)-n]; {
		case first&0xc0 == 0x80:
			continue
		case first&0xe0 == 0xc0 && n < 2, first&0xf0 == 0xe0 && n < 3, first&0xf8 == 0xf0 && n < 4:
			return len(text) - n
		}
	}
	return len(text)
}
