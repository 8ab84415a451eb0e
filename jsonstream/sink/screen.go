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

	guard   Guard
	stopped bool // Guard.Stop is in force
	scratch []byte
}

// A Guard keeps a CI system from carrying out commands that are printed by
// others.
type Guard struct {
	// Stop and Resume are lines before and behind all that is not written by
	// Command, if they are not empty.
	Stop, Resume string
	// Defuse appends to dst what stands for text, unless it is nil.
	Defuse func(dst, text []byte) []byte
}

const (
	screenSize = 64 << 10 // written when this much is there
	ScreenMax  = 1 << 20  // even if it ends no line
)

// NewScreen returns a Screen that writes to w.
func NewScreen(w io.Writer) *Screen { return &Screen{w: w} }

// A Fold is how a CI system's log folds a part of a text.
type Fold struct {
	// Open returns the line that begins a part, of a title that may end its line.
	Open func(title string) string
	// Close returns the line that ends it, or "".
	Close func() string
	// End is a line behind all parts, or "".
	End string
}

// Guard is called before anything is written.
func (s *Screen) Guard(g Guard) { s.guard = g }

// Guarded reports whether commands have to be written by Command.
func (s *Screen) Guarded() bool { return s.guard.Stop != "" }

// Command writes lines that may hold commands for the CI system. They start a
// line of their own.
func (s *Screen) Command(lines string) {
	if s.err != nil {
		return
	}
	s.endLine()
	if s.stopped {
		s.add([]byte(s.guard.Resume))
		s.stopped = false
	}
	s.add([]byte(lines))
}

// Resume ends what Guard.Stop began.
func (s *Screen) Resume() {
	if s.stopped {
		s.Command("")
	}
}

// Held returns how much memory the Screen has.
func (s *Screen) Held() int { return cap(s.buf) }

// Err returns the first error of writing.
func (s *Screen) Err() error { return s.err }

// Write implements io.Writer. It never fails.
func (s *Screen) Write(p []byte) (int, error) {
	if s.err != nil || len(p) == 0 {
		return len(p), nil
	}
	text := p
	if s.guard.Defuse != nil {
		s.scratch = s.guard.Defuse(s.scratch[:0], p)
		text = s.scratch
	}
	if s.guard.Stop != "" && !s.stopped {
		s.endLine()
		s.add([]byte(s.guard.Stop))
		s.stopped = true
	}
	s.add(text)
	return len(p), nil
}

func (s *Screen) add(p []byte) {
	if i := bytes.LastIndexByte(p, '\n'); i >= 0 {
		s.whole = len(s.buf) + i + 1
	}
	s.buf = append(s.buf, p...)
	s.writeIfFull()
}

// AddLine writes a line that holds no line end, and one behind it. There must be
// no Guard.
func (s *Screen) AddLine(line []byte) {
	if s.err != nil {
		return
	}
	s.buf = append(append(s.buf, line...), '\n')
	s.whole = len(s.buf)
	s.writeIfFull()
}

func (s *Screen) writeIfFull() {
	switch {
	case len(s.buf) < screenSize:
	case s.whole > 0:
		s.writeOut(s.whole)
	case len(s.buf) >= ScreenMax:
		s.writeOut(len(s.buf))
	}
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
	if s.err == nil {
		s.endLine()
	}
}

func (s *Screen) endLine() {
	n := len(s.buf)
	if n == 0 && s.open || n > 0 && s.buf[n-1] != '\n' {
		s.add([]byte{'\n'})
	}
}
