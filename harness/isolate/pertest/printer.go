//go:build unix

package pertest

import (
	"bytes"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"pgtest/harness/isolate/internal/framing"
)

// A printer writes the output of tests that run at the same time in the order of the tests. The first one that is
// not done writes through; the others are kept until it is their turn.
type printer struct {
	mu       sync.Mutex
	w        io.Writer
	sections []*section
	head     int // of the sections, the one that writes through

	mixed bool     // there is no time left to wait for turns
	last  *section // with mixed: that wrote last
}

// A section is the output of one test. It is a writer.
type section struct {
	p       *printer
	kept    spool
	current string // the test that the output belongs to, for mixed
	open    []openTest
	done    bool
}

// An openTest is a test or subtest that runs.
type openTest struct {
	name  string
	began time.Time
}

func newPrinter(w io.Writer, n int) *printer {
	p := &printer{w: w, sections: make([]*section, n)}
	for i := range p.sections {
		p.sections[i] = &section{p: p}
	}
	return p
}

// begin notes that a test runs, and that the output belongs to it.
func (s *section) begin(test string) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.current = test
	s.open = append(s.open, openTest{test, time.Now()})
}

// turnTo notes which test the output belongs to.
func (s *section) turnTo(test string) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.current = test
}

// end notes that a test runs no more.
func (s *section) end(test string) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.open = slices.DeleteFunc(s.open, func(t openTest) bool { return t.name == test })
}

// running returns the tests that run, in the order in which they began.
func (s *section) running() []openTest {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	return slices.Clone(s.open)
}

// Write fails only if the output is kept and can't be.
func (s *section) Write(b []byte) (int, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	switch {
	case s.p.mixed:
		if s.p.last != s {
			s.p.last = s
			io.WriteString(s.p.w, framing.Marker+"=== NAME  "+s.current+"\n")
		}
	case s.p.sections[s.p.head] != s:
		return s.kept.Write(b)
	}
	return s.p.w.Write(b)
}

// close says that the test is done, and lets the next ones write.
func (s *section) close() {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.done = true
	if s.p.mixed {
		return
	}
	for s.p.head < len(s.p.sections) && s.p.sections[s.p.head].done {
		s.p.head++
		if s.p.head < len(s.p.sections) {
			s.p.sections[s.p.head].kept.copyTo(s.p.w)
		}
	}
}

// mix lets all tests write at once, from what was kept on. For a run that is told to end: it may be killed before
// it is every test's turn.
func (p *printer) mix() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mixed {
		return
	}
	p.mixed = true
	for i := p.head + 1; i < len(p.sections); i++ {
		p.sections[i].kept.copyTo(p.w)
		if !p.sections[i].kept.empty {
			p.last = p.sections[i]
		}
	}
	if p.last == nil && p.head < len(p.sections) {
		p.last = p.sections[p.head]
	}
}

// A spool keeps output: its beginning in memory, and all of it in a file when that grows too large.
type spool struct {
	memory bytes.Buffer
	file   *os.File
	empty  bool // set by copyTo
}

// maxMemory is how much of a test's output is kept in memory.
const maxMemory = 1 << 20

func (s *spool) Write(b []byte) (int, error) {
	if s.file == nil && s.memory.Len()+len(b) > maxMemory {
		file, err := os.CreateTemp("", "pgtest-output-")
		if err != nil {
			return 0, err
		}
		os.Remove(file.Name())
		s.file = file
		if _, err := s.memory.WriteTo(file); err != nil {
			return 0, err
		}
	}
	if s.file != nil {
		return s.file.Write(b)
	}
	return s.memory.Write(b)
}

// copyTo writes out what was kept, and forgets it.
func (s *spool) copyTo(w io.Writer) {
	s.empty = s.file == nil && s.memory.Len() == 0
	s.memory.WriteTo(w)
	s.memory = bytes.Buffer{}
	if s.file != nil {
		s.file.Seek(0, io.SeekStart)
		io.Copy(w, s.file)
		s.file.Close()
		s.file = nil
	}
}
