//go:build unix

package pertest

import (
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"pgtest/harness/internal/testproc"
	"pgtest/harness/internal/testtext"
)

// A printer writes the output of tests that run at the same time in the order
// of the tests. The first test that is not done writes directly; the output of
// the others is kept until their turn.
type printer struct {
	mu       sync.Mutex
	turn     *sync.Cond // the head or mixed has changed
	w        io.Writer
	sections []*section
	head     int // of the sections, the one that writes through
	err      error

	mixed bool     // there is no time left to wait for turns
	last  *section // with mixed: that wrote last

	// Setup output of TestMain that is the same in each process is shown once.
	setups  map[string]bool // what it printed before the tests
	endings []teardownText  // what TestMain prints after the tests, for the end of the output
}

// A section is the output of one test. It is a writer.
type section struct {
	p       *printer
	setup   string // comes first
	kept    testproc.Spool
	full    bool // nothing more can be kept
	ending  string
	current string // the test that the output belongs to, for mixed
	open    []openTest
	done    bool
}

// A teardownText is what TestMain printed after the tests.
type teardownText struct{ text, key string }

// An openTest is a test or subtest that runs.
type openTest struct {
	name  string
	began time.Time
}

func newPrinter(w io.Writer, n int) *printer {
	p := &printer{w: w, sections: make([]*section, n), setups: make(map[string]bool)}
	p.turn = sync.NewCond(&p.mu)
	for i := range p.sections {
		p.sections[i] = &section{p: p}
	}
	return p
}

func (s *section) begin(test string) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.current = test
	s.open = append(s.open, openTest{test, time.Now()})
}

func (s *section) turnTo(test string) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.current = test
}

// end records that a test and its subtests no longer run.
func (s *section) end(test string) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.open = slices.DeleteFunc(s.open, func(t openTest) bool {
		return t.name == test || strings.HasPrefix(t.name, test+"/")
	})
}

// running returns the tests that run, in the order in which they began.
func (s *section) running() []openTest {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	return slices.Clone(s.open)
}

// writesThrough reports whether the section writes directly. The caller holds
// the lock.
func (s *section) writesThrough() bool { return s.p.mixed || s.p.sections[s.p.head] == s }

// Write keeps the output until the section's turn. If the output can't be kept,
// Write blocks until that turn, and with it the test, so nothing is lost.
func (s *section) Write(b []byte) (int, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	size := len(b)
	if !s.writesThrough() && !s.full {
		n, err := s.kept.Write(b)
		b, s.full = b[n:], err != nil
	}
	if len(b) == 0 {
		return size, nil
	}
	for !s.writesThrough() {
		s.p.turn.Wait()
	}
	s.write(b)
	return size, nil
}

// write writes directly. Errors are dropped: go test, which reads the output,
// sees them itself.
func (s *section) write(b []byte) {
	if s.p.mixed && s.p.last != s {
		s.p.last = s
		io.WriteString(s.p.w, testtext.NameLine(s.current))
	}
	s.p.w.Write(b)
}

// begins takes what TestMain printed before the first test, once, before any
// other output.
func (s *section) begins(text string) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.setup = text
	if s.writesThrough() {
		s.writeSetup()
	}
}

// writeSetup writes what TestMain printed unless it was shown before.
func (s *section) writeSetup() {
	text, key := s.setup, testtext.WithoutCoverage(s.setup)
	s.setup = ""
	if text != "" && !s.p.setups[key] {
		s.p.setups[key] = true
		s.write([]byte(text))
	}
}

// close records that the test is done, and lets the next ones write. Ending is
// what TestMain printed after the test.
func (s *section) close(ending string) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	defer s.p.turn.Broadcast()
	s.done, s.ending = true, ending
	if s.p.mixed {
		if ending != "" {
			s.write([]byte(ending))
		}
		return
	}
	for s.p.head < len(s.p.sections) && s.p.sections[s.p.head].done {
		s.p.addEnding(s.p.sections[s.p.head])
		s.p.head++
		if s.p.head < len(s.p.sections) {
			s.p.sections[s.p.head].release()
		}
	}
}

func (s *section) release() {
	s.writeSetup()
	if err := s.kept.CopyTo(s.p.w); err != nil {
		s.p.err = err
	}
}

// addEnding records the end of a section's output, in place of an earlier equal
// one.
func (p *printer) addEnding(s *section) {
	if s.ending == "" {
		return
	}
	f := teardownText{s.ending, testtext.WithoutCoverage(s.ending)}
	p.endings = slices.DeleteFunc(p.endings, func(other teardownText) bool { return other.key == f.key })
	p.endings = append(p.endings, f)
	s.ending = ""
}

// mix lets all tests write at once, starting with what was kept. It serves a
// run that was asked to end, which may be killed before each test's turn.
func (p *printer) mix() {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.turn.Broadcast()
	if p.mixed {
		return
	}
	for i := p.head + 1; i < len(p.sections); i++ {
		s := p.sections[i]
		if s.setup != "" || !s.kept.Empty() {
			s.release()
			p.last = s
		}
		p.addEnding(s)
	}
	p.mixed = true
	if p.last == nil && p.head < len(p.sections) {
		p.last = p.sections[p.head]
	}
	if len(p.endings) > 0 {
		io.WriteString(p.w, testtext.NameLine(""))
		p.last = nil
		p.writeEndings()
	}
}

func (p *printer) writeEndings() {
	for _, f := range p.endings {
		io.WriteString(p.w, f.text)
	}
	p.endings = nil
}
