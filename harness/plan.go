package harness

import (
	"fmt"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/places"
	"pgtest/harness/override"
	"pgtest/jsonstream/result"
)

// A verb is what a step does.
type verb int

const (
	send           verb = iota // the order, to a package's supervisor
	disconnect                 // close the connection to a supervisor
	killSupervisor             // where the watchdog has not adopted it
	endGroup                   // the same of the test binary of a supervisor that died
	signalCommand              // the signal, to the command's process group
	endOrphans                 // the watchdog ends what it adopted, supervisors that are spared excepted
	killWatchdog
	giveUpEvents  // read no more events
	giveUpOutputs // those that their readers don't take
	hear          // take in the supervisors that have connected, for as long as wait
	awaitDeaths   // unanswered comes after goPatience
	goGone        // the plan for signals learns that go died before its tests
	beginSetup
	signalSetup
	note     // to the stream
	hideLive // remove the live line
)

// A step is one action of the plan's answer. Steps are carried out in order.
type step struct {
	verb   verb
	to     *supervised
	order  control.Order
	signal syscall.Signal
	spare  []int
	wait   time.Duration
	note   result.Note
	setup  int // its index
}

func say(line string) step { return step{verb: note, note: result.Message(line)} }

// A plan decides how an invocation reacts to events. Each event is a method
// that changes the plan, returns steps, and has no other effect.
//
// What signals ask for is decided by signals.Plan. Its steps are events here.
type plan struct {
	round
	first      first
	selections map[string]control.Selection // what packages run of their tests, if not everything
	limits     limits
	maxFails   MaxFails
	terminal   bool // the tests have the terminal, which signals them itself
	processes  int  // for a package's tests that have processes of their own; 0 shares cpus
	cpus       int

	packages []*supervised // of all rounds, in the order of their arrival
	present  []*supervised // those that are connected
	// asked is the signal that the tests were asked to end with, SIGKILL once
	// they were killed, 0 before.
	asked   syscall.Signal
	early   bool            // the run ends because too many tests failed
	stopped bool            // the tests are stopped
	said    map[string]bool // lines that are said once

	overrides override.Rules
	places    *places.Plan[place]
	setups    []setup
	// endsSetups says that what setups left running is being ended.
	endsSetups bool
	asking     map[place]request // those who wait for a place
	runID      string
	attempt    int // of the tests, from 1

	notesProcesses bool // when those of tests ran
	noted          int
}

func newPlan(cfg Config, s source) plan {
	return plan{
		round:     round{source: s},
		maxFails:  cfg.MaxFails,
		limits:    newLimits(cfg.SlowAfter, cfg.TestTimeout, cfg.goTimeout(), cfg.Overrides),
		terminal:  cfg.Terminal,
		processes: cfg.Isolation.Processes,
		cpus:      runtime.GOMAXPROCS(0),
		said:      make(map[string]bool),

		overrides: cfg.Overrides,
		places:    places.New[place](limitsOf(cfg)),
		setups:    setupsOf(cfg),
		asking:    make(map[place]request),
		attempt:   1,

		selections:     selectionsOf(cfg.Parts),
		notesProcesses: cfg.Stream.ShowsBuilds(),
	}
}

// next begins another source: of the same round, or of another with new
// selections.
func (p *plan) next(s source, selections map[string]control.Selection) {
	if !p.first.again {
		p.first = first{true, p.exitCode()}
	}
	p.round = round{source: s}
	if selections != nil {
		p.attempt++
	}
	p.selections = selections
	p.limits.over = make(map[string]overtime)
}

// selectFor returns which tests of a package run. A package whose path the
// supervisor can't tell is known by its binary's name, if only one is.
func (p *plan) selectFor(pkg string) *control.Selection {
	selection, known := p.selections[pkg]
	if !known {
		name := strings.TrimSuffix(filepath.Base(pkg), ".test")
		var same []string
		for other := range p.selections {
			if path.Base(other) == name {
				same = append(same, other)
			}
		}
		if len(same) == 1 {
			selection, known = p.selections[same[0]], true
		}
	}
	selection.All = selection.All || !known && !p.first.again
	return &selection
}

// done reports whether the round has ended.
func (p *plan) done() bool { return p.over && len(p.present) == 0 }

// arrived handles a new connection. If the tests were already signalled or
// stopped, the new one gets the same orders.
func (p *plan) arrived(s *supervised) []step {
	p.packages, p.present = append(p.packages, s), append(p.present, s)
	var steps []step
	if p.asked != 0 {
		steps = append(steps, orderSignal(s, p.asked))
	}
	if p.stopped {
		steps = append(steps, orderSignal(s, syscall.SIGSTOP))
	}
	return steps
}

// orderSignal returns the step that orders a supervisor to signal its test.
func orderSignal(s *supervised, sig syscall.Signal) step {
	if sig == syscall.SIGKILL {
		return step{verb: send, to: s, order: control.Order{Kill: true}}
	}
	return step{verb: send, to: s, order: control.Order{Signal: sig}}
}

// received handles a message that arrived at the given time.
func (p *plan) received(s *supervised, m control.Report, at time.Time) []step {
	switch {
	case m.Asks != nil:
		return p.asks(s, *m.Asks, at)
	case m.Done != nil:
		return p.release(at, func(key place) bool { return key == place{s, m.Done.Process} })
	case m.Started != nil:
		s.started(*m.Started, at)
	case m.Failed != nil:
		s.failed(*m.Failed)
		return p.releaseAll(s, at)
	case m.Ended != nil:
		s.ended(*m.Ended, at)
		return p.releaseAll(s, at)
	case m.Overtime:
		return p.overran(s.process.Package)
	case m.Tests != nil:
		s.tests = m.Tests
		p.freeSlot(m.Tests.Package)
		return p.share()
	case m.Running != nil:
		return p.noteProcesses(s, s.test(*m.Running, at), at)
	case m.Began != nil:
		began := result.Began{Package: m.Began.Package, Test: m.Began.Test, At: at.Add(-m.Began.Elapsed)}
		return []step{{verb: note, note: began}}
	case m.Slow != nil:
		return []step{{verb: note, note: result.Slow(*m.Slow)}}
	case m.Leaked != nil:
		p.leaked(*m.Leaked)
	case m.Stressed != nil:
		return []step{{verb: note, note: result.Stress(*m.Stressed)}}
	case m.Undivided != nil:
		return p.undivided(m.Undivided.Reason)
	}
	return nil
}

// maxProcesses bounds how many processes are noted.
const maxProcesses = 100_000

// noteProcesses notes when processes of tests ran that have ended, if an output
// shows that.
func (p *plan) noteProcesses(s *supervised, ended []runningTest, at time.Time) []step {
	var steps []step
	for _, t := range ended {
		if p.noted < maxProcesses && p.notesProcesses && s.tests != nil {
			p.noted++
			steps = append(steps, step{verb: note, note: result.Process{Package: s.tests.Package, Name: t.name, Started: t.started, Ended: at}})
		}
	}
	return steps
}

// leaked adds what the process of a test left behind to the record of the
// package's last test binary.
func (p *plan) leaked(l control.Leaked) {
	for i := len(p.packages) - 1; i >= 0; i-- {
		if record := &p.packages[i].process; record.Package == l.Package {
			record.Leaks = append(record.Leaks, l.Leaks...)
			return
		}
	}
}

// undivided reports, once for each reason, why tests have no process of their
// own.
func (p *plan) undivided(reason string) []step { return p.sayOnce("pgtest: --isolate=test: " + reason) }

// sayOnce says a line the first time.
func (p *plan) sayOnce(line string) []step {
	if p.said[line] {
		return nil
	}
	p.said[line] = true
	return []step{say(line)}
}

// share orders how many tests of a package that have processes of their own may
// run at once: the configured number, or an equal share.
func (p *plan) share() []step {
	var all []*supervised
	for _, s := range p.present {
		if s.tests != nil {
			all = append(all, s)
		}
	}
	order := control.TestsOrder{Processes: p.processes, SlowAfter: p.limits.slow}
	if order.Processes == 0 && len(all) > 0 {
		order.Processes = max(1, p.cpus/len(all))
	}
	shared := order.Processes
	var steps []step
	for _, s := range all {
		order.Processes = p.limits.rules.Package(s.tests.Package).Procs.Or(shared)
		if s.ordered != order {
			s.ordered = order
			steps = append(steps, step{verb: send, to: s, order: control.Order{Tests: &order}})
		}
	}
	return steps
}

// departed handles the end of a connection. If the supervisor died before it
// could end its test binary's group, the watchdog, which has adopted the
// leftovers, ends them. If go has died, supervisors may be the watchdog's
// children, too.
func (p *plan) departed(s *supervised, at time.Time) []step {
	s.departed()
	p.present = slices.DeleteFunc(p.present, func(other *supervised) bool { return other == s })
	steps := append([]step{{verb: disconnect, to: s}}, p.releaseAll(s, at)...)
	if s.tests != nil {
		steps = append(steps, p.share()...)
	}
	if s.state != lost {
		return steps
	}
	p.untidy = true
	orphans := step{verb: endOrphans}
	for _, other := range p.present {
		orphans.spare = append(orphans.spare, other.pid)
	}
	return append(steps, orphans, step{verb: endGroup, to: s})
}

// commandEnded handles the end of the command. If the watchdog was killed, the
// status is unknown: the watchdog's death has asked the command to finish, and
// the plan ends its tests.
func (p *plan) commandEnded(status syscall.WaitStatus, known bool) []step {
	p.status = status
	if known {
		return nil
	}
	p.status, p.untidy, p.unfollowed = syscall.WaitStatus(syscall.SIGKILL), true, true
	return []step{say("pgtest: the watchdog was killed; the tests are ended"), {verb: goGone}}
}

// receivePatience is how long the supervisors that connected may take to arrive
// after the end of go.
const receivePatience = 2 * time.Second

// sourceEnded handles the end of the events and of the command. allReceived
// comes next. A go command that ended normally has waited for its supervisors,
// so their messages are here or on their way. The supervisors of one that died
// may go on.
func (p *plan) sourceEnded() []step {
	p.over = true
	return append(p.await(), step{verb: hear, wait: receivePatience})
}

// allReceived asks the remaining tests to end. Nobody reads what they print.
func (p *plan) allReceived() []step {
	if !slices.ContainsFunc(p.present, func(s *supervised) bool { return s.state == running || p.waits(s) }) {
		return nil
	}
	return append(p.orderAll(control.Order{Unread: true}), step{verb: goGone})
}

// await starts the time within which supervisors must have killed their tests.
func (p *plan) await() []step {
	if !p.over || p.asked != syscall.SIGKILL || p.waiting {
		return nil
	}
	p.waiting = true
	return []step{{verb: awaitDeaths}}
}

// unanswered ends supervisors that have not carried out their orders in time.
// After go's end they are children of the watchdog, which kills them, and ends
// what they leave behind when their connections close. If a supervisor is still
// there the next time, because the kernel does not let it die, unanswered
// closes its connection.
func (p *plan) unanswered() []step {
	p.untidy, p.waiting = true, false
	p.silent++
	steps := []step{{verb: endOrphans}}
	for _, s := range p.present {
		switch {
		case p.silent > 1:
			steps = append(steps, step{verb: disconnect, to: s})
		case s.state == running || p.waits(s):
			steps = append(steps, step{verb: killSupervisor, to: s})
		}
	}
	return append(steps, p.await()...)
}

// interrupt makes the source begin nothing new. Tests that do not come to their
// end from now on were interrupted, unless go had died before anybody asked.
func (p *plan) interrupt(cause syscall.Signal, at time.Time) []step {
	if cause == 0 && (p.over || p.unfollowed) {
		return p.source.interrupt()
	}
	p.interrupted = true
	reason := causes[cause]
	if cause == 0 && p.early {
		reason = p.maxFails.String()
	}
	interruption := step{verb: note, note: result.Interruption{At: at, Reason: reason}}
	return append([]step{interruption}, p.source.interrupt()...)
}

// causes are what can end an invocation, as it stands in the JUnit report.
var causes = map[syscall.Signal]string{
	0: "canceled", syscall.SIGPIPE: "output closed", syscall.SIGINT: "SIGINT",
	syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP", syscall.SIGQUIT: "SIGQUIT",
}

// enough handles that too many tests have failed. It reports whether the run is
// to end for that: with nothing left to run it ends anyway.
func (p *plan) enough(grace time.Duration) ([]step, bool) {
	if p.over || p.interrupted || p.unfollowed {
		return nil, false
	}
	p.early = true
	what := fmt.Sprintf("the tests that run have %v to end", grace)
	if p.maxFails.Now {
		what = "the tests that run are killed"
	}
	return []step{say("pgtest: " + p.maxFails.String() + " is reached: " + what)}, true
}

// enoughAtEnd handles that a round has ended with too many failures.
func (p *plan) enoughAtEnd() []step {
	p.early = true
	return []step{say("pgtest: " + p.maxFails.String() + " is reached: no test runs again")}
}

// explain says what the plan for signals waits for, unless nobody waits.
func (p *plan) explain(line string) []step {
	if p.early && p.maxFails.Now {
		return nil
	}
	return []step{say(line)}
}

// kill kills the command, and abandons an output whose reader takes nothing. An
// output that is read still gets its summary, however late.
func (p *plan) kill() []step {
	again := p.killed
	p.untidy, p.killed = true, true
	steps := append(p.source.kill(again), step{verb: giveUpOutputs})
	if p.endsSetups {
		steps = append(steps, p.signalSetups(syscall.SIGKILL)...)
	}
	return steps
}

// signal passes a signal on to every test binary and what it started.
func (p *plan) signal(sig syscall.Signal) []step {
	p.asked = sig
	steps := append(p.source.signal(sig), p.orderAll(orderSignal(nil, sig).order)...)
	steps = append(steps, p.signalSetups(sig)...)
	if sig == syscall.SIGKILL && p.done() {
		steps = append(steps, step{verb: giveUpOutputs}) // nothing else is left to end
	}
	return append(steps, p.await()...)
}

// stop stops the source first, so that it starts nothing more. Supervisors that
// have connected must be received now, as their messages would wait until the
// invocation continues.
//
// Tests that have the terminal were stopped together with this process, and may
// have put the terminal into order first.
func (p *plan) stop(at time.Time) []step {
	p.limits.clock.Stop(at)
	if p.terminal {
		return []step{{verb: hideLive}}
	}
	p.stopped = true
	steps := append(p.source.signal(syscall.SIGSTOP), p.orderAll(control.Order{Signal: syscall.SIGSTOP})...)
	return append(steps, step{verb: hear, wait: stopPatience}, step{verb: hideLive})
}

// stopPatience is how long the tests that have just started may keep an
// invocation from stopping.
const stopPatience = time.Second

// proceed continues what stop stopped.
func (p *plan) proceed(at time.Time) []step {
	p.limits.clock.Continue(at)
	if p.terminal {
		return nil
	}
	p.stopped = false
	return append(p.orderAll(control.Order{Signal: syscall.SIGCONT}), p.source.signal(syscall.SIGCONT)...)
}

// orderAll orders the same of every supervisor.
func (p *plan) orderAll(o control.Order) []step {
	var steps []step
	for _, s := range p.present {
		steps = append(steps, step{verb: send, to: s, order: o})
	}
	return steps
}

// records returns what is known of the test binaries that ran or should have.
func (p *plan) records() []Process {
	var all []Process
	for _, s := range p.packages {
		if s.state != connected {
			all = append(all, s.process)
		}
	}
	return all
}
