//go:build unix

package signals

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// events are the words of the tables below. "fg" means that the job is in the
// foreground when the event is handled.
var events = map[string]Event{
	"int":       {Signal: unix.SIGINT},
	"term":      {Signal: unix.SIGTERM},
	"hup":       {Signal: unix.SIGHUP},
	"hup-gone":  {Signal: unix.SIGHUP, HungUp: true},
	"quit":      {Signal: unix.SIGQUIT},
	"tstp":      {Signal: unix.SIGTSTP},
	"tstp-fg":   {Signal: unix.SIGTSTP, Foreground: true},
	"cont":      {Signal: unix.SIGCONT},
	"cont-fg":   {Signal: unix.SIGCONT, Foreground: true},
	"ttin":      {Signal: unix.SIGTTIN},
	"ttou":      {Signal: unix.SIGTTOU},
	"ttou-fg":   {Signal: unix.SIGTTOU, Foreground: true},
	"usr1":      {Signal: unix.SIGUSR1},
	"winch":     {Signal: unix.SIGWINCH},
	"^C":        {Signal: unix.SIGINT, Via: ViaKeeper},
	"^\\":       {Signal: unix.SIGQUIT, Via: ViaKeeper},
	"^Z":        {Signal: unix.SIGTSTP, Via: ViaKeeper},
	"k-hup":     {Signal: unix.SIGHUP, Via: ViaKeeper, HungUp: true},
	"k-winch":   {Signal: unix.SIGWINCH, Via: ViaKeeper},
	"closed":    {Kind: OutputClosed},
	"cut":       {Kind: OutputClosed, HungUp: true},
	"cancel":    {Kind: Cancelled},
	"grace":     {Kind: GraceOver},
	"tick":      {Kind: Tick},
	"tick-fg":   {Kind: Tick, Foreground: true},
	"no-keeper": {Kind: KeeperGone},
	"no-go":     {Kind: GoGone},
}

func TestPlan(t *testing.T) {
	tests := []struct {
		name  string
		tty   string // "": left alone, "behind": to be taken, "held"
		steps string // event: steps; one event a line
		cause syscall.Signal
		typed syscall.Signal
		late  syscall.Signal
	}{
		{name: "interrupt, then again, then again", steps: `
			int: interrupt-go relay(interrupt) grace explain(interrupt)
			int: kill-tests interrupt-go last-wait
			int: kill-tests kill-go last-wait
			int: kill-tests kill-go last-wait`, cause: unix.SIGINT, late: unix.SIGKILL},
		{name: "any second signal kills, the first is the cause", steps: `
			term: interrupt-go relay(terminated) grace explain(terminated)
			int: kill-tests interrupt-go last-wait`, cause: unix.SIGTERM, late: unix.SIGKILL},
		{name: "grace over", steps: `
			term: interrupt-go relay(terminated) grace explain(terminated)
			grace: explain(killed) kill-tests interrupt-go last-wait
			grace: kill-tests kill-go last-wait
			grace: kill-tests kill-go last-wait`, cause: unix.SIGTERM, late: unix.SIGKILL},
		{name: "a late test gets what the others got", steps: `
			quit: interrupt-go relay(quit) grace explain(quit)`, cause: unix.SIGQUIT, late: unix.SIGQUIT},
		{name: "grace over without cause", steps: `
			grace:`},
		{name: "two hangups are two signals", steps: `
			hup: interrupt-go relay(hangup) grace explain(hangup)
			hup: kill-tests interrupt-go last-wait`, cause: unix.SIGHUP, late: unix.SIGKILL},
		{name: "one hangup is announced twice", tty: "held", steps: `
			hup-gone: interrupt-go relay(hangup) grace explain(hangup)
			k-hup:
			hup-gone:`, cause: unix.SIGHUP, late: unix.SIGHUP},
		{name: "the reader went with the terminal", tty: "held", steps: `
			cut: interrupt-go relay(hangup) grace explain(hangup)
			hup-gone:
			k-hup:
			cut:`, cause: unix.SIGHUP, late: unix.SIGHUP},
		{name: "hangup after an interrupt", steps: `
			int: interrupt-go relay(interrupt) grace explain(interrupt)
			hup-gone: kill-tests interrupt-go last-wait`, cause: unix.SIGINT, late: unix.SIGKILL},
		{name: "report", steps: `
			usr1: report
			int: interrupt-go relay(interrupt) grace explain(interrupt)
			usr1: report`, cause: unix.SIGINT, late: unix.SIGINT},
		{name: "output closed", steps: `
			closed: first-wait
			closed:
			grace: interrupt-go relay(terminated) grace
			closed:
			grace: explain(killed) kill-tests interrupt-go last-wait`, cause: unix.SIGPIPE, late: unix.SIGKILL},
		{name: "output closed, and nothing else yet", steps: `
			closed: first-wait`, cause: unix.SIGPIPE},
		{name: "output closed by a signal that comes a moment later", steps: `
			closed: first-wait
			int: interrupt-go relay(interrupt) grace explain(interrupt)
			closed:
			grace: explain(killed) kill-tests interrupt-go last-wait`, cause: unix.SIGINT, late: unix.SIGKILL},
		{name: "output closed, and cancelled", steps: `
			closed: first-wait
			cancel: interrupt-go relay(terminated) grace`, cause: unix.SIGPIPE, late: unix.SIGTERM},
		{name: "output closed, and go died", steps: `
			closed: first-wait
			no-go: interrupt-go relay(terminated) grace
			no-go:`, cause: unix.SIGPIPE, late: unix.SIGTERM},
		{name: "a signal after output closed counts as the first", steps: `
			closed: first-wait
			grace: interrupt-go relay(terminated) grace
			int: interrupt-go relay(interrupt) grace explain(interrupt)
			closed:
			int: kill-tests interrupt-go last-wait`, cause: unix.SIGINT, late: unix.SIGKILL},
		{name: "cancel", steps: `
			cancel: interrupt-go relay(terminated) grace
			cancel:`, late: unix.SIGTERM},
		{name: "go died before its tests", steps: `
			no-go: relay(terminated) grace explain
			no-go:
			grace: explain(killed) kill-tests interrupt-go last-wait`, late: unix.SIGKILL},
		{name: "a signal after go died counts as the first", steps: `
			no-go: relay(terminated) grace explain
			int: interrupt-go relay(interrupt) grace explain(interrupt)
			int: kill-tests interrupt-go last-wait`, cause: unix.SIGINT, late: unix.SIGKILL},
		{name: "go died of the signal that the run got", steps: `
			term: interrupt-go relay(terminated) grace explain(terminated)
			no-go:`, cause: unix.SIGTERM, late: unix.SIGTERM},
		{name: "typed", tty: "held", steps: `
			^C: interrupt-go relay(interrupt) grace explain(interrupt)
			^\: kill-tests interrupt-go last-wait`, cause: unix.SIGINT, typed: unix.SIGINT, late: unix.SIGKILL},
		{name: "typed after a direct signal: the ancestors missed that one", tty: "held", steps: `
			term: interrupt-go relay(terminated) grace explain(terminated)
			^C: kill-tests interrupt-go last-wait`, cause: unix.SIGTERM, typed: unix.SIGINT, late: unix.SIGKILL},
		{name: "everybody was signalled, the keeper too", tty: "held", steps: `
			int: interrupt-go relay(interrupt) grace explain(interrupt)
			^C:
			int: kill-tests interrupt-go last-wait
			^C:`, cause: unix.SIGINT, late: unix.SIGKILL},
		{name: "everybody was signalled, the keeper first", tty: "held", steps: `
			^\: interrupt-go relay(quit) grace explain(quit)
			quit:`, cause: unix.SIGQUIT, late: unix.SIGQUIT},
		{name: "suspend and fg", tty: "held", steps: `
			^Z: stop-tests lend stop-job
			cont-fg: continue-tests take
			^Z: stop-tests lend stop-job
			cont-fg: continue-tests take
			cont-fg:`},
		{name: "suspend, bg, fg without a signal", tty: "held", steps: `
			^Z: stop-tests lend stop-job
			cont: continue-tests
			tick:
			tick-fg: take
			tick-fg:`},
		{name: "suspend, bg, fg with a signal", tty: "held", steps: `
			^Z: stop-tests lend stop-job
			cont: continue-tests
			cont-fg: take`},
		{name: "suspend without holding the terminal", steps: `
			tstp-fg: stop-tests stop-self
			tstp-fg:
			cont-fg: continue-tests`},
		{name: "somebody stops the run alone", tty: "held", steps: `
			tstp: stop-tests lend stop-self
			cont-fg: continue-tests take`},
		{name: "a stop that the kernel did not carry out", tty: "held", steps: `
			^Z: stop-tests lend stop-job
			tick-fg: continue-tests take`},
		{name: "ended while stopped", tty: "held", steps: `
			^Z: stop-tests lend stop-job
			term: continue-tests interrupt-go relay(terminated) grace explain(terminated)
			cont-fg: take`, cause: unix.SIGTERM, late: unix.SIGTERM},
		{name: "stopped while ending: the grace starts anew", tty: "held", steps: `
			^C: interrupt-go relay(interrupt) grace explain(interrupt)
			^Z: stop-tests lend stop-job
			grace:
			cont-fg: continue-tests grace take
			^C: kill-tests interrupt-go last-wait
			^Z: stop-tests lend stop-job
			cont-fg: continue-tests last-wait take`, cause: unix.SIGINT, typed: unix.SIGINT, late: unix.SIGKILL},
		{name: "output closed while stopped", steps: `
			tstp: stop-tests stop-self
			closed: continue-tests first-wait
			tstp: stop-tests stop-self
			grace:
			cont: continue-tests first-wait
			grace: interrupt-go relay(terminated) grace`, cause: unix.SIGPIPE, late: unix.SIGTERM},
		{name: "a pager wants the terminal", tty: "held", steps: `
			ttou: return continue-job
			ttou-fg: continue-job
			cont-fg:
			tick-fg:
			int: interrupt-go relay(interrupt) grace explain(interrupt)`, cause: unix.SIGINT, late: unix.SIGINT},
		{name: "a pager in the background", tty: "behind", steps: `
			ttin: stop-tests stop-self
			ttin:
			cont-fg: continue-tests`},
		{name: "a job that comes to the foreground", tty: "behind", steps: `
			tick:
			tick-fg: take`},
		{name: "the keeper is killed", tty: "held", steps: `
			no-keeper: return
			tick-fg:
			int: interrupt-go relay(interrupt) grace explain(interrupt)`, cause: unix.SIGINT, late: unix.SIGINT},
		{name: "the keeper is killed while the job has the terminal", tty: "behind", steps: `
			no-keeper:`},
		{name: "window size", tty: "held", steps: `
			k-winch: winch
			winch:`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var p Plan
			switch test.tty {
			case "behind":
				p.terminal = behind
			case "held":
				p.terminal = behind
				if got := p.Handle(events["tick-fg"]); describe(got) != "take" {
					t.Fatalf("taking the terminal: %s", describe(got))
				}
			}
			for _, line := range strings.Split(strings.TrimSpace(test.steps), "\n") {
				word, want, _ := strings.Cut(strings.TrimSpace(line), ":")
				event, known := events[word]
				if !known {
					t.Fatalf("no event %q", word)
				}
				if got := describe(p.Handle(event)); got != strings.TrimSpace(want) {
					t.Errorf("%s: %s; want %s", word, got, want)
				}
			}
			if p.cause != test.cause || p.typed != test.typed || p.late() != test.late {
				t.Errorf("cause %d, typed %d, late %d; want %d, %d, %d",
					p.cause, p.typed, p.late(), test.cause, test.typed, test.late)
			}
		})
	}
}

// TestPlanInvariants walks the plan through every sequence of events of some
// length and checks what must hold whatever comes in.
func TestPlanInvariants(t *testing.T) {
	var words []string
	for word := range events {
		words = append(words, word)
	}
	depth := 4
	if testing.Short() {
		depth = 3
	}
	for _, start := range []terminal{none, behind} {
		walk(t, Plan{terminal: start}, nil, words, depth)
	}
}

func walk(t *testing.T, p Plan, path, words []string, depth int) {
	if depth == 0 || t.Failed() {
		return
	}
	for _, word := range words {
		next := p
		steps := next.Handle(events[word])
		path := append(path, word)
		fail := func(what string) { t.Errorf("%v: %s: %s", path, describe(steps), what) }
		is := make(map[Verb]bool)
		for _, s := range steps {
			is[s.Verb] = true
		}
		if is[StopTests] != (is[StopJob] || is[StopSelf]) {
			fail("the tests and the run stop together")
		}
		if is[StopTests] && next.job != stopped || is[ContinueTests] && p.job != stopped {
			fail("stops and continues take turns")
		}
		if (is[StopJob] || is[StopSelf]) && next.terminal == held {
			fail("a stopped job must not hold the terminal")
		}
		if is[TakeTerminal] && !events[word].Foreground {
			fail("the terminal is taken only from the own foreground")
		}
		if is[TakeTerminal] && (p.terminal != behind || next.terminal != held) {
			fail("the terminal is taken once")
		}
		if is[ReturnTerminal] && next.terminal != none {
			fail("returned is returned for good")
		}
		if next.shutdown < p.shutdown {
			fail("an ending run does not come back")
		}
		if next.shutdown != p.shutdown && !is[KillTests] && !is[StartGrace] && !is[StartFirstWait] {
			fail("nothing makes sure that the run ends")
		}
		if next.ending() && !p.ending() && !is[Relay] && !is[KillTests] {
			fail("the tests were not told")
		}
		walk(t, next, path, words, depth-1)
	}
}

func describe(steps []Step) string {
	var words []string
	for _, s := range steps {
		if s.Signal != 0 {
			words = append(words, fmt.Sprintf("%v(%v)", s.Verb, s.Signal))
		} else {
			words = append(words, s.Verb.String())
		}
	}
	return strings.Join(words, " ")
}
