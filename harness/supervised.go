package harness

import (
	"slices"
	"time"

	"pgtest/harness/internal/control"
)

// A state is the stage that a supervised package has reached.
//
//	          Started           Ended
//	connected ───────▶ running ───────▶ ended
//	    │                 │
//	    │ Failed          │ the connection ends
//	    ▼                 ▼
//	  failed             lost
type state int

const (
	connected state = iota // a supervisor is there; it has reported nothing
	running                // the test binary runs
	ended                  // the test binary has ended, and all that it started
	failed                 // the test binary could not be started
	lost                   // the supervisor died before it reported the end
)

// supervised is a package whose test binary has a supervisor, as reported by
// the supervisor. A process that runs a package's tests in a process each,
// below a supervisor, has a connection of its own. Its state stays connected,
// and tests is set.
type supervised struct {
	peer *control.Supervisor // for who carries out steps
	pid  int                 // of the process that connected; 0 if the system does not tell

	state   state
	ids     control.Started
	process Process

	tests    *control.Tests // nil for a supervisor
	ordered  control.TestsOrder
	children []runningTest // in the order of their starts
}

// runningTest is a test that runs in a process of its own.
type runningTest struct {
	name    string
	pid     int
	started time.Time
}

func (s *supervised) started(m control.Started, at time.Time) {
	s.state, s.ids = running, m
	s.process.Package, s.process.Started = m.Package, at
}

func (s *supervised) failed(m control.Failed) {
	s.state = failed
	s.process.Package, s.process.Failure = m.Package, m.Reason
}

func (s *supervised) ended(m control.Ended, at time.Time) {
	s.state = ended
	s.process.Elapsed = at.Sub(s.process.Started)
	s.process.Resources = m.Resources
	s.process.addLeaks(m.Leaks)
	s.process.MoreLeaks += m.MoreLeaks
}

// test records the start or the end of a test's process, and returns what has
// ended.
func (s *supervised) test(m control.Running, at time.Time) []runningTest {
	if !m.Ended {
		s.children = append(s.children, runningTest{m.Test, m.PID, at})
		return nil
	}
	var ended []runningTest
	s.children = slices.DeleteFunc(s.children, func(t runningTest) bool {
		is := t.pid == m.PID && t.name == m.Test
		if is {
			ended = append(ended, t)
		}
		return is
	})
	return ended
}

func (s *supervised) departed() {
	if s.state == running {
		s.state, s.process.Failure = lost, "its supervisor died"
	}
}

// divides reports whether the connection is that of a process that runs the
// tests of a package in a process each.
func (s *supervised) divides(pkg string) bool { return s.tests != nil && s.tests.Package == pkg }

// addLeaks adds leaks to the record. A process that could not be ended with a
// test's process is reported again when the package ends; the later report
// replaces the earlier.
func (p *Process) addLeaks(leaks []control.Leak) {
	for _, l := range leaks {
		known := slices.IndexFunc(p.Leaks, func(k control.Leak) bool { return k.PID == l.PID && k.Test != "" })
		if known < 0 {
			p.Leaks = append(p.Leaks, l)
			continue
		}
		p.Leaks[known].End, p.Leaks[known].Alive = l.End, l.Alive
	}
}
