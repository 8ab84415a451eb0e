//go:build unix

package isolate

import (
	"os"
	"strings"
	"testing"

	"pgtest/harness/internal/testtext"
)

// A mirror repeats in the parent's test what happens in the child, so that
// package testing formats and reports it as for any test, whatever its flags
// are. It is the sink of Run.
type mirror struct {
	t    *testing.T // the target
	name string
	subs []*subtest // those that run, in the order in which they began
	dirs []artifactDirs
}

// A subtest is a subtest of the parent's that represents one of the child's.
type subtest struct {
	name    string
	started chan *testing.T
	verdict chan testtext.Verdict
	done    chan struct{} // closed when t.Run has returned
	t       *testing.T
}

// artifactDirs are the child's directory for artifacts and the parent's, which
// takes its place.
type artifactDirs struct{ child, parent string }

func (m *mirror) raw(b []byte) { os.Stdout.Write(b) }

func (m *mirror) crash(b []byte) {
	w := m.t.Output()
	w.Write(b)
	if b[len(b)-1] != '\n' {
		w.Write([]byte("\n"))
	}
}

func (m *mirror) log(test string, b []byte) {
	m.test(test).Output().Write(b[len(testtext.LogIndent):])
}

func (m *mirror) attr(test, key, value string) { m.test(test).Attr(key, value) }

// run starts a subtest. If package testing skips the subtest because of
// -failfast, the mirror logs its output to the test around it.
func (m *mirror) run(test string) {
	around, name := m.around(test)
	s := &subtest{
		name:    test,
		started: make(chan *testing.T),
		verdict: make(chan testtext.Verdict, 1),
		done:    make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		around.Run(name, s.await)
	}()
	select {
	case s.t = <-s.started:
		m.subs = append(m.subs, s)
	case <-s.done:
	}
}

// await is the function of a subtest in the parent. It waits for the verdict on
// the child's subtest, and makes it its own.
func (s *subtest) await(t *testing.T) {
	s.started <- t
	switch <-s.verdict {
	case testtext.Fail:
		t.Fail()
	case testtext.Skip:
		t.SkipNow()
	}
}

// report ends a subtest. The subtests within it have ended already: package
// testing ends them first.
func (m *mirror) report(test string, v testtext.Verdict) {
	for i, s := range m.subs {
		if s.name == test {
			m.end(i, v)
			return
		}
	}
	if v == testtext.Fail {
		m.test(test).Fail()
	}
}

func (m *mirror) end(i int, v testtext.Verdict) {
	s := m.subs[i]
	m.subs = append(m.subs[:i], m.subs[i+1:]...)
	s.verdict <- v
	<-s.done
}

// close ends the subtests that were running when the process ended, innermost
// first.
func (m *mirror) close() {
	for i := len(m.subs) - 1; i >= 0; i-- {
		m.subs[i].t.Output().Write([]byte("isolate: the process ended while this test ran\n"))
		m.end(i, testtext.Fail)
	}
	for _, d := range m.dirs {
		os.Remove(d.parent) // empty; os.Rename doesn't replace directories
		os.Rename(d.child, d.parent)
	}
}

// test returns the parent's test that represents the named one, or else the
// nearest running test around that.
func (m *mirror) test(name string) *testing.T {
	for _, s := range m.subs {
		if s.name == name {
			return s.t
		}
	}
	t, _ := m.around(name)
	return t
}

// around returns the innermost running test around the named one, and the name
// of the named test within it.
func (m *mirror) around(name string) (*testing.T, string) {
	t, prefix := m.t, m.name
	for _, s := range m.subs {
		if isBelow(name, s.name) && len(s.name) > len(prefix) {
			t, prefix = s.t, s.name
		}
	}
	return t, strings.TrimPrefix(name, prefix+"/")
}

// artifacts gives the parent's test an artifact directory of its own, since
// package testing can't report any other. close replaces that directory by the
// child's.
func (m *mirror) artifacts(test, dir string) {
	if t, ok := any(m.test(test)).(interface{ ArtifactDir() string }); ok { // since Go 1.26
		m.dirs = append(m.dirs, artifactDirs{dir, t.ArtifactDir()})
	}
}
