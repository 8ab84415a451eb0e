//go:build unix

package signals

import (
	"syscall"
)

// Kind is the kind of an Event.
type Kind int

const (
	// Arrived: a signal reached the run itself, or the keeper in its place.
	Arrived Kind = iota
	// OutputClosed: nobody reads the run's output any more.
	OutputClosed
	// Cancelled: the caller of the run wants it to end; there is no signal to
	// die of.
	Cancelled
	// GraceOver: the tests have not ended within their grace, or another wait that
	// a step started is over.
	GraceOver
	// Tick: the terminal is to be looked at. It is sent only while watchful.
	Tick
	// KeeperGone: the keeper ended without being asked to.
	KeeperGone
	// GoGone: go has ended before tests that it started.
	GoGone
)

// An Event is something that the plan answers. Signal and Via are set for
// Arrived only. Foreground and HungUp describe the terminal when the event is
// handled; both are false without a terminal.
type Event struct {
	Kind       Kind
	Signal     syscall.Signal
	Via        Via
	Foreground bool // the run's own process group is the terminal's foreground group
	HungUp     bool // the terminal has gone

	of   *timer // the timer that sent a GraceOver or a Tick; void if it was set anew since
	at   int
	from *keeper // the keeper that is gone; void if another is there

	continued int64 // how often this process had been continued by then
}

// Via is the way by which a signal arrived.
type Via int

const (
	// Direct: the run's own process was signalled.
	Direct Via = iota
	// ViaKeeper: the terminal signalled its foreground group, which is the
	// keeper.
	ViaKeeper
)

// A Verb is what a Step does.
type Verb int

const (
	InterruptGo    Verb = iota // SIGINT to go's process group: start nothing new, clean up
	KillGo                     // SIGKILL to go's process group
	Relay                      // the signal to every test's process group
	KillTests                  // SIGKILL to every test's process group
	StopTests                  // SIGSTOP to every test's process group and to go's
	ContinueTests              // SIGCONT to the same
	StartGrace                 // GraceOver comes after the grace
	StartLastWait              // GraceOver comes after a short while: everything is killed, go is to end
	StartFirstWait             // GraceOver comes after a moment: a signal may say why the output is closed
	Explain                    // say on stderr what is waited for
	Report                     // say on stderr what is running
	TakeTerminal               // make the keeper the foreground group
	LendTerminal               // make the job the foreground group again; the keeper stays
	ReturnTerminal             // the same for good: the keeper ends, if it has not yet
	StopSelf                   // stop this process as SIGTSTP does
	StopJob                    // stop the whole process group, this process with it
	ContinueJob                // SIGCONT to the whole process group
	RelayWinch                 // SIGWINCH to the whole process group
)

var verbNames = [...]string{
	"interrupt-go", "kill-go", "relay", "kill-tests", "stop-tests", "continue-tests", "grace", "last-wait", "first-wait",
	"explain", "report", "take", "lend", "return", "stop-self", "stop-job", "continue-job", "winch",
}

func (v Verb) String() string { return verbNames[v] }

// Step is one action of the plan's answer; steps are done in order. Signal
// belongs to Relay and Explain.
type Step struct {
	Verb   Verb
	Signal syscall.Signal
}

// shutdown is the stage that the end of the run has reached.
type shutdown int

const (
	running    shutdown = iota
	closed              // the output was closed: does a signal say why?
	unread              // the output was closed, the caller cancelled or go died: the tests were asked to end
	asked               // a signal arrived: the tests were asked to end
	killed              // the tests were killed
	everything          // go was killed too
)

// job says whether the run, its tests and go are stopped.
type job int

const (
	going job = iota
	stopped
)

// terminal says who has the terminal, as far as the run decides it.
type terminal int

const (
	none   terminal = iota // no terminal, or one that the run leaves alone
	behind                 // the run takes it as soon as the job is in the foreground
	held                   // the keeper is the foreground group
)

// A Plan decides what a run does about signals. It has no effects: Handle takes
// an event and returns the steps to carry out. The zero Plan leaves the
// terminal alone.
//
//	INT TERM HUP QUIT   running: pass on and give grace    asked: kill the tests    killed: kill go
//	grace over          asked: kill the tests              killed: kill go, again and again
//	output closed       running: wait for a signal that says why, then SIGTERM and grace;
//	                    a signal after it counts as the first
//	go gone             SIGTERM and grace, and the run has not been asked to end
//	TSTP                stop the tests, lend the terminal, stop
//	CONT                continue; take the terminal again if the job is in the foreground
//	TTIN TTOU           held: the reader wants the terminal, it has it from now on; else stop
//	USR1 INFO           report
type Plan struct {
	shutdown shutdown
	job      job
	terminal terminal
	cause    syscall.Signal // what the run dies of; 0 for none
	// typed is the first ending signal that the keeper received in place of the
	// job, or 0. Without a keeper the run's ancestors in the job would have
	// received it.
	typed syscall.Signal
	asked syscall.Signal            // what the tests were asked with; 0 for nothing yet
	seen  map[syscall.Signal][2]int // how often each ending signal came, by Via
}

// renew makes the plan forget that the run was asked to end.
func (p *Plan) renew() { p.shutdown, p.cause, p.typed, p.asked = running, 0, 0, 0 }

// late returns the signal that a test which starts only now must get: 0 while
// the run goes on, the signal that the other tests were asked to end with, or
// SIGKILL once they were killed.
func (p *Plan) late() syscall.Signal {
	switch p.shutdown {
	case running, closed:
		return 0
	case unread, asked:
		return p.asked
	default:
		return syscall.SIGKILL
	}
}

// ending reports whether the run has been asked to end.
func (p *Plan) ending() bool { return p.shutdown > closed }

// watchful reports whether Tick events are needed: while the job may be moved
// to the foreground, or while a stop may turn out not to have happened.
func (p *Plan) watchful() bool { return p.job == stopped || p.terminal == behind }

// Handle takes an event and returns the steps to carry out, in order.
func (p *Plan) Handle(e Event) []Step {
	switch e.Kind {
	case Arrived:
		return p.signal(e)
	case OutputClosed:
		return p.outputClosed(e)
	case Cancelled:
		return p.leave()
	case GraceOver:
		return p.graceOver()
	case Tick:
		return p.proceed(e)
	case KeeperGone:
		return p.keeperGone()
	case GoGone:
		return p.goGone()
	}
	return nil
}

func (p *Plan) signal(e Event) []Step {
	if Ends(e.Signal) {
		return p.end(e)
	}
	switch e.Signal {
	case syscall.SIGTSTP:
		return p.stop(e)
	case syscall.SIGCONT:
		return p.proceed(e)
	case syscall.SIGTTIN, syscall.SIGTTOU:
		return p.wanted(e)
	case syscall.SIGWINCH:
		if e.Via == ViaKeeper {
			return []Step{{Verb: RelayWinch}}
		}
		return nil
	case reportSignal, syscall.SIGUSR1:
		return []Step{{Verb: Report}}
	}
	return nil
}

// Ends reports whether a signal asks a process to end.
func Ends(sig syscall.Signal) bool {
	return sig == syscall.SIGINT || sig == syscall.SIGTERM || sig == syscall.SIGHUP || sig == syscall.SIGQUIT
}

// end answers the signals that end a run. A hangup arrives more than once: the
// shell passes it on, and the kernel sends it to the foreground group when the
// shell exits. Nobody is in a hurry then, so repeated hangups count as one
// signal.
func (p *Plan) end(e Event) []Step {
	if p.shutdown >= asked && e.Signal == syscall.SIGHUP && p.cause == syscall.SIGHUP && e.HungUp {
		return nil
	}
	if p.isTwin(e) {
		if p.typed == e.Signal {
			p.typed = 0 // it was sent, not typed
		}
		return nil
	}
	steps := p.wake()
	if e.Via == ViaKeeper && p.typed == 0 {
		p.typed = e.Signal
	}
	switch p.shutdown {
	case running, closed, unread:
		p.shutdown, p.cause, p.asked = asked, e.Signal, e.Signal
		return append(steps, Step{Verb: InterruptGo}, Step{Relay, e.Signal}, Step{Verb: StartGrace}, Step{Explain, e.Signal})
	case asked:
		p.shutdown = killed
		return append(steps, Step{Verb: KillTests}, Step{Verb: InterruptGo}, Step{Verb: StartLastWait})
	default:
		p.shutdown = everything
		return append(steps, Step{Verb: KillTests}, Step{Verb: KillGo}, Step{Verb: StartLastWait})
	}
}

// isTwin reports whether the same signal has arrived by the other way already.
// A program that signals every process of a run signals the keeper, too.
func (p *Plan) isTwin(e Event) bool {
	if p.seen == nil {
		p.seen = make(map[syscall.Signal][2]int)
	}
	seen := p.seen[e.Signal]
	seen[e.Via]++
	p.seen[e.Signal] = seen
	return seen[e.Via] <= seen[1-e.Via]
}

// outputClosed answers that the reader of the output is gone. It may only have
// taken a signal sooner than this process: one for the whole job, as Ctrl-C where
// the terminal is not held, or SIGHUP if the terminal has gone as well.
func (p *Plan) outputClosed(e Event) []Step {
	switch {
	case p.shutdown != running:
		return nil
	case e.HungUp:
		return p.end(Event{Signal: syscall.SIGHUP})
	}
	steps := p.wake()
	p.shutdown, p.cause = closed, syscall.SIGPIPE
	return append(steps, Step{Verb: StartFirstWait})
}

// leave ends the run by SIGTERM and grace. There is no signal to die of, unless
// the output was closed.
func (p *Plan) leave() []Step {
	if p.ending() {
		return nil
	}
	steps := p.wake()
	p.shutdown, p.asked = unread, syscall.SIGTERM
	return append(steps, Step{Verb: InterruptGo}, Step{Relay, syscall.SIGTERM}, Step{Verb: StartGrace})
}

// goGone answers that go has ended before its tests. They still get the grace.
func (p *Plan) goGone() []Step {
	if p.shutdown != running {
		return p.leave()
	}
	steps := p.wake()
	p.shutdown, p.asked = unread, syscall.SIGTERM
	return append(steps, Step{Relay, syscall.SIGTERM}, Step{Verb: StartGrace}, Step{Verb: Explain})
}

// graceOver kills what has not ended. A timer that fired while everything was
// stopped does not count, because the tests could not run. wake starts it anew.
func (p *Plan) graceOver() []Step {
	if p.job == stopped {
		return nil
	}
	switch p.shutdown {
	case closed:
		return p.leave()
	case unread, asked:
		p.shutdown = killed
		return []Step{{Explain, syscall.SIGKILL}, {Verb: KillTests}, {Verb: InterruptGo}, {Verb: StartLastWait}}
	case killed, everything:
		p.shutdown = everything
		return []Step{{Verb: KillTests}, {Verb: KillGo}, {Verb: StartLastWait}}
	}
	return nil
}

// stop answers SIGTSTP. If the signal came through the keeper, only the run has
// received it and must pass it on to the whole job. If it came directly, the
// other members of the job have received it, too, and must not get it twice:
// less would stop twice.
func (p *Plan) stop(e Event) []Step {
	if p.job == stopped {
		return nil
	}
	p.job = stopped
	steps := []Step{{Verb: StopTests}}
	if p.terminal == held {
		p.terminal = behind
		steps = append(steps, Step{Verb: LendTerminal})
	}
	if e.Via == ViaKeeper {
		return append(steps, Step{Verb: StopJob})
	}
	return append(steps, Step{Verb: StopSelf})
}

// wake continues what stop stopped, and starts the timers anew.
func (p *Plan) wake() []Step {
	if p.job != stopped {
		return nil
	}
	p.job = going
	steps := []Step{{Verb: ContinueTests}}
	switch p.shutdown {
	case closed:
		steps = append(steps, Step{Verb: StartFirstWait})
	case unread, asked:
		steps = append(steps, Step{Verb: StartGrace})
	case killed, everything:
		steps = append(steps, Step{Verb: StartLastWait})
	}
	return steps
}

// proceed answers SIGCONT, and that some time has passed. If the run was to stop
// and still runs, it was continued or never stopped: the kernel does not stop an
// orphaned group, which no shell could continue.
func (p *Plan) proceed(e Event) []Step {
	steps := p.wake()
	if p.terminal == behind && e.Foreground {
		p.terminal = held
		steps = append(steps, Step{Verb: TakeTerminal})
	}
	return steps
}

// wanted answers that a member of the job touched the terminal from the
// background. The kernel has stopped every member that does not catch the
// signal.
func (p *Plan) wanted(e Event) []Step {
	was := p.terminal
	p.terminal = none
	switch {
	case was == held:
		return []Step{{Verb: ReturnTerminal}, {Verb: ContinueJob}}
	case e.Foreground: // came late: the terminal is theirs already
		return []Step{{Verb: ContinueJob}}
	case p.job == stopped:
		return nil
	}
	p.job = stopped
	return []Step{{Verb: StopTests}, {Verb: StopSelf}}
}

func (p *Plan) keeperGone() []Step {
	if p.terminal != held {
		return nil
	}
	p.terminal = none
	return []Step{{Verb: ReturnTerminal}}
}
