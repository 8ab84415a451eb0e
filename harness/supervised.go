package harness

import (
	"syscall"
	"time"

	"pgtest/harness/control"
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
	case late == syscall.SIGKILL || r.goGone:
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
		r.stream.Began(m.report.Began.Package, m.report.Began.Test, m.arrived.Add(-m.report.Began.Elapsed))
	case m.report.Slow != nil:
		r.saySlow(m.report.Slow.Package, m.report.Slow.Test, m.report.Slow.Elapsed)
	case m.report.Leaked != nil:
		r.leaked(*m.report.Leaked)
	case m.report.Ended != nil:
		ended := m.report.Ended
		s.process.Elapsed = m.arrived.Sub(s.process.Started)
		s.process.Resources = ended.Resources
		s.process.Leaks = append(s.process.Leaks, ended.Leaks...)
		s.process.MoreLeaks += ended.MoreLeaks
		s.started.Supervisor = 0
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
	syscall.Kill(-s.started.Group, syscall.SIGKILL)
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
// connection is behind them in the queue: when it is heard, they have arrived.
func (r *run) hearConnected(patience <-chan time.Time) {
	last, err := control.Dial(r.listener.Path())
	if err != nil {
		return
	}
	last.Report(control.Report{Last: true})
	last.Close()
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

// finishSupervisors waits for the last words of all supervisors, after the go
// command has ended. Supervisors that are still alive then have outlived a go
// command that was killed, and are ended.
func (r *run) finishSupervisors() {
	// The run's own connection is the last in the queue: when it is heard, all
	// supervisors have arrived.
	last, err := control.Dial(r.listener.Path())
	if err == nil {
		last.Report(control.Report{Last: true})
		last.Close()
	}
	r.order(control.Order{Kill: true})
	patience := time.After(goPatience)
	for (err == nil && !r.queueEmpty) || r.anyThere() {
		select {
		case s := <-r.arrivals:
			r.arrived(s)
		case m := <-r.inbox:
			r.heard(m)
		case <-patience:
			r.killSupervisors()
		}
	}
}

func (r *run) anyThere() bool {
	for _, s := range r.supervisors {
		if !s.gone {
			return true
		}
	}
	return false
}

// killSupervisors kills the supervisors that do not answer. What they leave
// behind is ended when their connections close.
func (r *run) killSupervisors() {
	for _, s := range r.supervisors {
		if !s.gone && s.started.Supervisor > 0 {
			syscall.Kill(s.started.Supervisor, syscall.SIGKILL)
		}
	}
}
