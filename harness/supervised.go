package harness

import (
	"slices"
	"syscall"
	"time"

	"pgtest/harness/control"
	"pgtest/jsonstream/result"
)

// supervised is what the run knows of one supervisor and its test binary.
type supervised struct {
	peer    *control.Supervisor
	started control.Started // zero until it has reported
	process Process
	gone    bool // the connection has ended

	// For one that runs tests in a process each, beside a supervisor that follows
	// it: what it has said, and was told.
	tests   *control.Tests
	told    control.TestsOrder
	running []runningTest // in the order of their starts
}

// inbound is a message of a supervisor; gone is the last one.
type inbound struct {
	from    *supervised
	report  control.Report
	arrived time.Time
	gone    bool
}

// accept passes on supervisors until the listener is closed.
func (r *run) accept() {
	for {
		s, err := r.listener.Accept()
		if err != nil {
			return
		}
		select {
		case r.arrivals <- s:
		case <-r.over:
			s.Close()
			return
		}
	}
}

// arrived starts to listen to a supervisor. One that comes when the run is
// already ending gets the orders that the others got.
func (r *run) arrived(peer *control.Supervisor) {
	s := &supervised{peer: peer}
	r.supervisors = append(r.supervisors, s)
	go func() {
		for {
			report, err := peer.Next()
			if err != nil {
				r.inbox <- inbound{from: s, gone: true, arrived: time.Now()}
				return
			}
			r.inbox <- inbound{from: s, report: report, arrived: time.Now()}
		}
	}()
	switch late := r.signals.Late(); {
	case late == syscall.SIGKILL:
		peer.Send(control.Order{Kill: true})
	case late != 0:
		peer.Send(control.Order{Signal: late})
	}
	if r.signals.Stopped() {
		peer.Send(control.Order{Signal: syscall.SIGSTOP})
	}
}

// heard takes in a message.
func (r *run) heard(m inbound) {
	s := m.from
	switch {
	case m.gone:
		r.departed(s)
	case m.report.Last:
		r.queueEmpty = true
	case m.report.Started != nil:
		s.started = *m.report.Started
		s.process.Package, s.process.Started = m.report.Started.Package, m.arrived
	case m.report.Failed != nil:
		s.process.Package = m.report.Failed.Package
		s.process.Failure = m.report.Failed.Reason
	case m.report.Tests != nil:
		s.tests = m.report.Tests
		r.shareProcesses()
	case m.report.Running != nil:
		s.note(*m.report.Running, m.arrived)
	case m.report.Began != nil:
		r.stream.Note(result.Began{Package: m.report.Began.Package, Test: m.report.Began.Test, At: m.arrived.Add(-m.report.Began.Elapsed)})
	case m.report.Slow != nil:
		r.stream.Note(result.Slow(*m.report.Slow))
	case m.report.Leaked != nil:
		r.leaked(*m.report.Leaked)
	case m.report.Undivided != nil:
		r.undivided(m.report.Undivided.Reason)
	case m.report.Ended != nil:
		ended := m.report.Ended
		s.process.Elapsed = m.arrived.Sub(s.process.Started)
		s.process.Resources = ended.Resources
		s.process.addLeaks(ended.Leaks)
		s.process.MoreLeaks += ended.MoreLeaks
		s.started.Supervisor = 0
	}
}

// addLeaks adds leaks to the record. What could not be ended when a test's process
// ended is there still when the package does: the later report says what became of
// it.
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

// departed notes the end of a supervisor. If it died before it could end its
// test binary's group, the run ends it.
func (r *run) departed(s *supervised) {
	s.gone = true
	s.peer.Close()
	if s.tests != nil {
		r.shareProcesses()
	}
	if s.started.Supervisor == 0 {
		return
	}
	r.lost = true
	s.process.Failure = "its supervisor died"
	r.endOrphans(s)
}

// endOrphans ends what a supervisor that died has left: the watchdog adopted it.
// Supervisors may be its children too, if go has died.
func (r *run) endOrphans(dead *supervised) {
	var spare []int
	for _, s := range r.supervisors {
		if !s.gone {
			spare = append(spare, s.peer.PID())
		}
	}
	r.watchdog.EndOrphans(spare)
	endAbandoned(dead.started)
}

// order sends an order to every supervisor.
func (r *run) order(o control.Order) {
	for _, s := range r.supervisors {
		if !s.gone {
			s.peer.Send(o)
		}
	}
}

// hearConnected takes in all supervisors that have connected by now. The run's own
// connection is behind them in the queue: when it is heard, they have arrived. A
// process that is out of descriptors can neither make it nor take it, so this
// waits for no longer than patience allows.
func (r *run) hearConnected(patience <-chan time.Time) {
	if r.listener.SayLast() != nil {
		return
	}
	for r.queueEmpty = false; !r.queueEmpty; {
		select {
		case s := <-r.arrivals:
			r.arrived(s)
		case m := <-r.inbox:
			r.heard(m)
		case <-patience:
			return
		}
	}
	r.queueEmpty = false
}

// hearPatience is how long the supervisors that connected may take to arrive
// after the end of go.
const hearPatience = 2 * time.Second

// testsLeft says whether a test binary has not ended, as far as is known: its
// supervisor's last words may be on their way.
func (r *run) testsLeft() bool {
	for _, s := range r.supervisors {
		if !s.gone && s.tests == nil && s.started.Supervisor != 0 {
			return true
		}
	}
	return false
}

func (r *run) anyThere() bool {
	for _, s := range r.supervisors {
		if !s.gone {
			return true
		}
	}
	return false
}

// endSupervisors ends supervisors that do not answer. After go's end they are the
// watchdog's children, which kills them; what they leave behind is, too, and ended
// when their connections close. Those of one that the kernel does not let die are
// closed the next time.
func (r *run) endSupervisors(times int) {
	r.lost = true
	r.watchdog.EndOrphans(nil)
	for _, s := range r.supervisors {
		switch {
		case s.gone:
		case times > 1:
			s.peer.Close()
		default:
			killSupervisor(s.started)
		}
	}
}
