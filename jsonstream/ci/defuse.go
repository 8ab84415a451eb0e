package ci

import (
	"bytes"
	"io"
)

// Defused returns a writer to w without commands for the system: a backslash
// breaks each. It is for an output that has none of pgtest's own.
//
// GitHub's runner reads standard output and standard error by threads of their
// own, so what stops commands in one of them is no order for the other.
func (s System) Defused(w io.Writer) io.Writer {
	switch s {
	case GitHub, Azure, TeamCity:
		return &defusedWriter{defuser: newDefuser(s), w: w}
	}
	return w
}

type defusedWriter struct {
	*defuser
	w       io.Writer
	scratch []byte
}

func (d *defusedWriter) Write(p []byte) (int, error) {
	d.scratch = d.append(d.scratch[:0], p)
	if _, err := d.w.Write(d.scratch); err != nil {
		return 0, err
	}
	return len(p), nil
}

// A defuser breaks commands in text that comes in pieces.
type defuser struct {
	markers []string // what stands before the bracket of a command
	colons  bool     // two colons at the start of a line are one, too
	line    int      // what the line has so far: nothing, one colon, more
	last    []byte   // the end of what was written
}

// The states of a line.
const (
	blank = iota
	colon
	other
)

const longestMarker = len("##teamcity")

func newDefuser(s System) *defuser {
	switch s {
	case GitHub:
		return &defuser{markers: []string{"##"}, colons: true}
	case Azure:
		return &defuser{markers: []string{"##vso", "##"}}
	}
	return &defuser{markers: []string{"##teamcity"}}
}

// append appends what stands for text to dst, which starts empty.
func (d *defuser) append(dst, text []byte) []byte {
	dst = append(dst, d.last...)
	known := len(dst)
	for _, c := range text {
		if d.breaks(dst, c) {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	d.last = append(d.last[:0], dst[max(0, len(dst)-longestMarker):]...)
	return dst[known:]
}

// breaks reports whether a byte makes a command of what stands before it.
func (d *defuser) breaks(before []byte, c byte) bool {
	second := c == ':' && d.line == colon
	switch {
	case c == '\n' || c == '\r':
		d.line = blank
	case d.line == blank && (c <= ' ' || c >= 0x7f): // the runner trims any white space
	case d.line == blank && c == ':':
		d.line = colon
	default:
		d.line = other
	}
	if d.colons && second {
		return true
	}
	for _, m := range d.markers {
		if c == '[' && bytes.HasSuffix(before, []byte(m)) {
			return true
		}
	}
	return false
}
