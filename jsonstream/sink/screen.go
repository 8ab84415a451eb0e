package sink

import (
	"bytes"
	"io"
)

// A Screen gathers what is written into few writes of whole lines, and
// remembers the first error: after it everything is dropped.
type Screen struct {
	w     io.Writer
	buf   []byte
	whole int // how much of buf is whole lines
	err   error
	open  bool // what was written last is no whole line
}

const (
	screenSize = 64 << 10 // written when this much is there
	ScreenMax  = 1 << 20  // even if it ends no line
)

// NewScreen returns a Screen that writes to w.
func NewScreen(w io.Writer) *Screen { return &Screen{w: w} }

// Held returns how much memory the Screen has.
func (s *Screen) Held() int { return cap(s.buf) }

// Err returns the first error of writing.
func (s *Screen) Err() error { return s.err }

// Write implements io.Writer. It never fails.
func (s *Screen) Write(p []byte) (int, error) {
	if s.err != nil {
		return len(p), nil
	}
	if i := bytes.LastIndexByte(p, '\n'); i >= 0 {
		s.whole = len(s.buf) + i + 1
	}
	s.buf = append(s.buf, p...)
	switch {
	case len(s.buf) < screenSize:
	case s.whole > 0:
		s.writeOut(s.whole)
	case len(s.buf) >= ScreenMax:
		s.writeOut(len(s.buf))
	}
	return len(p), nil
}

// Flush writes everything.
func (s *Screen) Flush() {
	if len(s.buf) > 0 {
		s.writeOut(len(s.buf))
	}
}

func (s *Screen) writeOut(n int) {
	if _, err := s.w.Write(s.buf[:n]); err != nil && s.err == nil {
		s.err = err
		s.buf = nil
		return
	}
	s.open = s.buf[n-1] != '\n'
	s.buf = s.buf[:copy(s.buf, s.buf[n:])]
	s.whole = 0
}

// Newline ends an unfinished line, such as a row of dots.
func (s *Screen) Newline() {
	n := len(s.buf)
	if n == 0 && s.open || n > 0 && s.buf[n-1] != '\n' {
		s.Write([]byte{'\n'})
	}
}
