package testtext

import (
	"bytes"
	"go/version"
	"strings"
)

// Marks reports whether package testing marks what t.Error and its like log, as
// it does since Go 1.27: one byte before the text and another after it. In
// everything that tests log, errors or not, an escape then precedes each byte
// that could be taken for a mark. What tests print has no escapes.
type Marks bool

// MarksOf returns the Marks of a version of Go, as runtime.Version or a
// binary's build information give it. An unknown version counts as new.
func MarksOf(goVersion string) Marks {
	v, _, _ := strings.Cut(goVersion, " ") // experiments follow
	return Marks(!version.IsValid(v) || version.Compare(v, "go1.27") >= 0)
}

const (
	errorBegin = 0x0f
	errorEnd   = 0x0e
	escape     = 0x1b
)

// UnitEnd is like the function UnitEnd. An error also begins a unit.
func (m Marks) UnitEnd(b []byte) int {
	if !m {
		return UnitEnd(b)
	}
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\n':
			return i + 1
		case escape:
			if i+1 < len(b) && b[i+1] != '\n' {
				i++
			}
		case Marker[0], errorBegin:
			if i > 0 {
				return i
			}
		}
	}
	return 0
}

// Units calls unit with each unit in b, and returns what is behind the last.
func (m Marks) Units(b []byte, unit func([]byte)) (rest []byte) {
	for {
		n := m.UnitEnd(b)
		if n == 0 {
			return b
		}
		unit(b[:n])
		b = b[n:]
	}
}

// Whole returns the length of the part of b that does not end with an escape:
// what stands behind one belongs to it.
func (m Marks) Whole(b []byte) int {
	n := 0
	for m && n < len(b) && b[len(b)-1-n] == escape {
		n++
	}
	return len(b) - n%2
}

// BeginsError reports whether an error begins with the unit.
func (m Marks) BeginsError(unit []byte) bool {
	return bool(m) && len(unit) > 0 && unit[0] == errorBegin
}

// Error returns a unit of an error without the marks, and whether it is the
// last one.
func (m Marks) Error(unit []byte) (text []byte, last bool) {
	if m.BeginsError(unit) {
		unit = unit[1:]
	}
	// The mark stands before the end of the line.
	text = make([]byte, 0, len(unit))
	for i := 0; i < len(unit); i++ {
		switch {
		case unit[i] == escape && i+1 < len(unit):
			i++
		case unit[i] == errorEnd:
			last = true
			continue
		}
		text = append(text, unit[i])
	}
	return text, last
}

// Log returns a unit that a test has logged without its escapes.
func (m Marks) Log(unit []byte) []byte {
	if !m || bytes.IndexByte(unit, escape) < 0 {
		return unit
	}
	text, _ := m.Error(unit)
	return text
}
