package harness

import (
	"context"
	"time"

	"pgtest/harness/internal/control"
)

// inbound is a message of a supervisor. If gone is set, the connection has
// ended.
type inbound struct {
	from    *supervised
	report  control.Report
	arrived time.Time
	gone    bool
}

// accept passes on supervisors until the listener is closed.
func (i *invocation) accept() {
	for {
		s, err := i.listener.Accept()
		if err != nil {
			return
		}
		select {
		case i.arrivals <- s:
		case <-i.over:
			s.Close()
			return
		}
	}
}

func (i *invocation) arrived(peer *control.Supervisor) {
	s := &supervised{peer: peer, pid: peer.PID()}
	go func() {
		for {
			report, err := peer.Next()
			if report.Asks != nil {
				i.addTests(report.Asks)
			}
			i.inbox <- inbound{from: s, report: report, arrived: time.Now(), gone: err != nil}
			if err != nil {
				return
			}
		}
	}()
	i.do(i.plan.arrived(s))
}

func (i *invocation) received(m inbound) {
	switch {
	case m.gone:
		i.do(i.plan.departed(m.from, m.arrived))
	case m.report.Last:
		i.queueEmpty = true
	default:
		i.do(i.plan.received(m.from, m.report, m.arrived))
	}
}

// loop passes events to the plan and carries out its steps, until the round has
// ended.
func (i *invocation) loop(ctx context.Context) {
	canceled, outputClosed, enough := ctx.Done(), i.outputClosed, i.enough
	commandEnded, read := i.feed.ended, i.feed.read
	ticks, stopTicks := every(i.plan.limits.piece)
	defer stopTicks()
	liveTicks, stopLive := i.startLive()
	defer stopLive()
	for !i.plan.done() {
		select {
		case <-read:
			read = nil
			if commandEnded != nil {
				commandEnded = nil
				i.do(i.plan.commandEnded(i.watchdog.Status()))
			}
			i.do(i.plan.sourceEnded())
			i.do(i.plan.allReceived())
		case <-commandEnded:
			commandEnded = nil
			i.do(i.plan.commandEnded(i.watchdog.Status()))
		case <-i.unanswered:
			i.unanswered = nil
			i.do(i.plan.unanswered())
		case s := <-i.arrivals:
			i.arrived(s)
		case m := <-i.inbox:
			i.received(m)
		case n := <-i.setupEnded:
			i.takeSetup(n)
		case e := <-i.signals.Events():
			i.signals.Handle(e, i)
		case <-i.childEnded:
			i.reapOrphans()
		case now := <-ticks:
			i.do(i.plan.look(now, i.stream.Running()))
		case <-liveTicks:
			i.renewLive()
		case key := <-i.keys:
			i.key(key)
		case <-outputClosed:
			outputClosed = nil
			i.signals.OutputClosed(i)
		case <-enough:
			enough = nil
			i.endEarly()
		case <-canceled:
			canceled = nil
			if i.cfg.DropCanceled {
				i.stdout.muted.Store(true)
				i.stderr.muted.Store(true)
			}
			i.signals.Cancel(i)
		}
	}
}

// every returns a channel that gets the time each period, or nil for a period
// of 0, and a function that stops it.
func every(period time.Duration) (<-chan time.Time, func()) {
	if period == 0 {
		return nil, func() {}
	}
	ticker := time.NewTicker(period)
	return ticker.C, ticker.Stop
}

// goPatience is how long the go command may take to clean up after its tests
// are dead, and supervisors to end after go.
const goPatience = 2 * time.Second

func (i *invocation) do(steps []step) {
	for _, s := range steps {
		switch s.verb {
		case send:
			s.to.peer.Send(s.order)
		case disconnect:
			s.to.peer.Close()
		case killSupervisor:
			killSession(s.to.ids)
		case endGroup:
			endAbandoned(s.to.ids)
		case signalCommand:
			i.watchdog.Signal(s.signal)
		case endOrphans:
			i.watchdog.EndOrphans(s.spare)
		case killWatchdog:
			i.watchdog.Kill()
		case giveUpEvents:
			if i.feed != nil {
				i.feed.giveUp()
			}
		case giveUpOutputs:
			for _, o := range i.outlets {
				o.abandonWhenStuck()
			}
		case hear:
			i.receiveConnected(time.After(s.wait))
		case awaitDeaths:
			i.unanswered = time.After(goPatience)
		case goGone:
			i.signals.GoGone(i)
		case beginSetup:
			i.startSetup(s.setup)
		case signalSetup:
			i.setups[s.setup].Signal(s.signal)
		case note:
			i.stream.Note(s.note)
		case hideLive:
			i.hideLive()
		}
	}
}

// receiveConnected takes in all supervisors that have connected by now. The
// invocation's own connection is behind them in the queue: when its message
// comes, they have arrived. A process that is out of descriptors can neither
// make that connection nor take it, so this waits for no longer than patience
// allows.
func (i *invocation) receiveConnected(patience <-chan time.Time) {
	if i.listener.SayLast() != nil {
		return
	}
	for i.queueEmpty = false; !i.queueEmpty; {
		select {
		case s := <-i.arrivals:
			i.arrived(s)
		case m := <-i.inbox:
			i.received(m)
		case <-patience:
			return
		}
	}
}
