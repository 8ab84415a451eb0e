package harness

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgtest/harness/internal/control"
	"pgtest/harness/override"
	"pgtest/jsonstream"
	"pgtest/jsonstream/result"
	"pgtest/signals"
)

// A script plays events to a plan, and notes its answers. Signals go through
// the plan for signals, whose steps are events, too.
type script struct {
	plan     plan
	signals  *signals.Control
	packages map[string]*supervised
	now      time.Time
	steps    []step
	words    []string
}

func newScript(cfg Config, source source) *script {
	if source == nil {
		source = goTest{}
	}
	p := newPlan(cfg, source)
	p.cpus = 4
	return &script{plan: p, signals: signals.New(time.Hour), packages: make(map[string]*supervised), now: time.Now()}
}

func (s *script) do(steps []step) {
	for _, step := range steps {
		s.steps = append(s.steps, step)
		s.words = append(s.words, s.describe(step))
		if step.verb == goGone {
			s.signals.GoGone(s)
		}
	}
}

func (s *script) InterruptGo()                   { s.do(s.plan.interrupt(s.signals.Cause(), s.now)) }
func (s *script) KillGo()                        { s.do(s.plan.kill()) }
func (s *script) SignalTests(sig syscall.Signal) { s.do(s.plan.signal(sig)) }
func (s *script) Stop()                          { s.do(s.plan.stop(s.now)) }
func (s *script) Continue()                      { s.do(s.plan.proceed(s.now)) }
func (s *script) Explain(line string)            { s.do(s.plan.explain(line)) }
func (s *script) Report()                        { s.do([]step{say(s.plan.report(nil, 0, s.now, nil))}) }

// runEvents are the events that belong to no package.
var runEvents = map[string]func(*script){
	"int":    func(s *script) { s.signals.Handle(signals.Event{Signal: syscall.SIGINT}, s) },
	"term":   func(s *script) { s.signals.Handle(signals.Event{Signal: syscall.SIGTERM}, s) },
	"grace":  func(s *script) { s.signals.Handle(signals.Event{Kind: signals.GraceOver}, s) },
	"closed": func(s *script) { s.signals.OutputClosed(s) },
	"cancel": func(s *script) { s.signals.Cancel(s) },
	"enough": func(s *script) {
		steps, ends := s.plan.enough(time.Second)
		s.do(steps)
		if ends {
			s.signals.Cancel(s)
		}
	},
	"again": func(s *script) { // a runs TestX again
		s.plan.next(goTest{}, map[string]control.Selection{"m/a": {Only: []string{"TestX"}}})
	},
	"ends-setups": func(s *script) { s.plan.endsSetups = true },
	"stop":        (*script).Stop,
	"continue":    (*script).Continue,
	"unanswered":  func(s *script) { s.do(s.plan.unanswered()) },
	"command-ends": func(s *script) {
		s.do(s.plan.commandEnded(0, true))
	},
	"command-dies": func(s *script) {
		s.do(s.plan.commandEnded(syscall.WaitStatus(syscall.SIGTERM), true))
	},
	"watchdog-dies": func(s *script) { s.do(s.plan.commandEnded(0, false)) },
	"read": func(s *script) {
		s.do(s.plan.sourceEnded())
		s.do(s.plan.allReceived())
	},
}

// packageEvents are those of one package: a, b.
var packageEvents = map[string]func(s *script, p *supervised, name, arg string){
	"connects": func(s *script, p *supervised, name, _ string) { s.do(s.plan.arrived(p)) },
	"starts": func(s *script, p *supervised, name, _ string) {
		s.hear(p, control.Report{Started: &control.Started{Supervisor: p.pid, PID: p.pid + 1, Package: name}})
	},
	"asks": func(s *script, p *supervised, name, path string) {
		s.hear(p, control.Report{Asks: &control.Asks{Package: path}})
	},
	"asks-for": func(s *script, p *supervised, name, process string) {
		n, _ := strconv.Atoi(process)
		s.now = s.now.Add(time.Second)
		s.hear(p, control.Report{Asks: &control.Asks{Package: "m/a", Process: n, Tests: []string{"TestX"}}})
	},
	"is-done": func(s *script, p *supervised, name, process string) {
		n, _ := strconv.Atoi(process)
		s.hear(p, control.Report{Done: &control.Done{Process: n}})
	},
	"fails": func(s *script, p *supervised, name, reason string) {
		s.hear(p, control.Report{Failed: &control.Failed{Package: name, Reason: reason}})
	},
	"ends": func(s *script, p *supervised, name, leaked string) {
		m := &control.Ended{}
		if pid, err := strconv.Atoi(leaked); err == nil {
			m.Leaks = []control.Leak{{PID: pid, Alive: "it does not end on SIGKILL"}}
		}
		s.hear(p, control.Report{Ended: m})
	},
	"overran": func(s *script, p *supervised, _, _ string) { s.hear(p, control.Report{Overtime: true}) },
	"leaves":  func(s *script, p *supervised, _, _ string) { s.do(s.plan.departed(p, s.now)) },
	// Of a process that runs the tests of a package in a process each:
	"divides": func(s *script, p *supervised, name, of string) {
		s.hear(p, control.Report{Tests: &control.Tests{Package: of}})
	},
	"begins": func(s *script, p *supervised, _, test string) {
		s.hear(p, control.Report{Running: &control.Running{Test: test, PID: len(test)}})
	},
	"finishes": func(s *script, p *supervised, _, test string) {
		s.now = s.now.Add(time.Second)
		s.hear(p, control.Report{Running: &control.Running{Test: test, PID: len(test), Ended: true}})
	},
	"undivided": func(s *script, p *supervised, name, reason string) {
		s.hear(p, control.Report{Undivided: &control.Undivided{Reason: reason}})
	},
	"leaked": func(s *script, p *supervised, _, arg string) {
		pid, of, _ := strings.Cut(arg, ",")
		n, _ := strconv.Atoi(pid)
		s.hear(p, control.Report{Leaked: &control.Leaked{Package: of, Leaks: []control.Leak{{PID: n, Test: "TestX"}}}})
	},
	"began": func(s *script, p *supervised, _, test string) {
		s.hear(p, control.Report{Began: &control.Began{Package: "a", Test: test, Elapsed: time.Second}})
	},
	"slow": func(s *script, p *supervised, _, test string) {
		s.hear(p, control.Report{Slow: &control.Slow{Package: "a", Test: test, Elapsed: time.Second}})
	},
}

func (s *script) hear(p *supervised, m control.Report) { s.do(s.plan.received(p, m, s.now)) }

// play plays one event, such as "int" or "a starts", and returns the answer.
func (s *script) play(event string) string {
	s.steps, s.words = nil, nil
	if f := runEvents[event]; f != nil {
		f(s)
		return strings.Join(s.words, " ")
	}
	words := append(strings.Fields(event), "", "")
	if n, err := strconv.Atoi(words[1]); err == nil {
		if words[0] == "setup-ends" {
			s.do(s.plan.setupEnded(n, []string{"X=1"}, "", s.now))
		} else {
			s.do(s.plan.setupEnded(n, nil, "broken", s.now))
		}
		return strings.Join(s.words, " ")
	}
	f := packageEvents[words[1]]
	if f == nil {
		panic("no event " + event)
	}
	if s.packages[words[0]] == nil {
		s.packages[words[0]] = &supervised{pid: 100 + 10*len(s.packages)}
	}
	f(s, s.packages[words[0]], words[0], words[2])
	return strings.Join(s.words, " ")
}

func (s *script) name(p *supervised) string {
	for name, known := range s.packages {
		if known == p {
			return name
		}
	}
	return "?"
}

func (s *script) describe(st step) string {
	switch st.verb {
	case send:
		switch o := st.order; {
		case o.Kill:
			return s.name(st.to) + "(kill)"
		case o.Unread:
			return s.name(st.to) + "(unread)"
		case o.Refused != "":
			return fmt.Sprintf("%s(refused: %s)", s.name(st.to), o.Refused)
		case o.Selection != nil:
			if o.Selection.All {
				also := strings.Join(o.Place.Env[:len(o.Place.Env)-len(PlaceVariables)], " ")
				return strings.ReplaceAll(fmt.Sprintf("%s(all-but%v %s)", s.name(st.to), o.Selection.Except, also), " )", ")")
			}
			return fmt.Sprintf("%s(runs%v)", s.name(st.to), o.Selection.Only)
		case o.Place != nil:
			return fmt.Sprintf("%s(%d:%s)", s.name(st.to), o.Place.Process, strings.Join(o.Place.Env[:2], ","))
		case o.Tests != nil:
			return fmt.Sprintf("%s(%d at once)", s.name(st.to), o.Tests.Processes)
		}
		return fmt.Sprintf("%s(%v)", s.name(st.to), st.order.Signal)
	case signalCommand:
		return fmt.Sprintf("go(%v)", st.signal)
	case endOrphans:
		return fmt.Sprintf("end-orphans%v", st.spare)
	case note:
		switch n := st.note.(type) {
		case result.Message:
			return "say"
		case result.Interruption:
			return "interrupted(" + n.Reason + ")"
		case result.Slow:
			return "slow(" + n.Test + ")"
		case result.Timeout:
			return "timeout(" + n.Test + ")"
		case result.Process:
			return fmt.Sprintf("process(%s %s %v)", n.Package, n.Name, n.Ended.Sub(n.Started))
		case result.Waited:
			return fmt.Sprintf("waited(%s %v)", n.Package, n.To.Sub(n.From))
		case result.Began:
			return "began(" + n.Test + ")"
		}
	}
	switch st.verb {
	case beginSetup:
		return fmt.Sprintf("begin(%d)", st.setup)
	case signalSetup:
		return fmt.Sprintf("setup(%d %v)", st.setup, st.signal)
	}
	word := map[verb]string{
		disconnect: "close", killSupervisor: "kill-supervisor", endGroup: "end-group", killWatchdog: "kill-watchdog",
		giveUpEvents: "give-up-events", giveUpOutputs: "give-up-outputs", hear: "hear", awaitDeaths: "await",
		goGone: "go-gone", hideLive: "hide-live",
	}[st.verb]
	if st.to != nil {
		word += "(" + s.name(st.to) + ")"
	}
	return word
}

// states are how far the packages have come.
func (s *script) states() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(s.packages)) {
		p := s.packages[name]
		word := [...]string{"connected", "running", "ended", "failed", "lost"}[p.state]
		for _, l := range p.process.Leaks {
			word += fmt.Sprintf(" leak(%d)", l.PID)
			if l.Alive != "" {
				word += " alive"
			}
		}
		all = append(all, name+" "+word)
	}
	return strings.Join(all, ", ")
}

func TestPlan(t *testing.T) {
	for _, test := range []struct {
		name   string
		cfg    Config
		source source // nil is go test
		steps  string // event: steps; one event a line
		states string
		status int  // of a round whose events are whole
		left   bool // the round has not ended
	}{
		{name: "a package, and one that go has from its cache", steps: `
			a connects:
			a starts:
			a ends:
			a leaves: close(a)
			command-ends:
			read: hear`, states: "a ended"},
		{name: "a test binary that can't be started", steps: `
			a connects:
			a fails permission:
			a leaves: close(a)
			command-ends:
			read: hear`, states: "a failed"},
		{name: "a supervisor that is killed before it reports", steps: `
			a connects:
			a leaves: close(a)`, states: "a connected", left: true},
		{name: "a supervisor that is killed: the others' are spared", steps: `
			a connects:
			a starts:
			b connects:
			c connects:
			c leaves: close(c)
			a leaves: close(a) end-orphans[110] end-group(a)`, states: "a lost, b connected, c connected", left: true},
		{name: "interrupt, then again, then again", steps: `
			a connects:
			a starts:
			b connects:
			int: interrupted(SIGINT) go(interrupt) a(interrupt) b(interrupt) say
			b starts:
			b ends:
			b leaves: close(b)
			int: a(kill) interrupted(SIGINT) go(interrupt)
			int: a(kill) go(killed) give-up-outputs
			int: a(kill) kill-watchdog give-up-events go(killed) give-up-outputs`, states: "a running, b ended", left: true},
		{name: "a late test gets what the others got", steps: `
			int: interrupted(SIGINT) go(interrupt) say
			a connects: a(interrupt)
			grace: say a(kill) interrupted(SIGINT) go(interrupt)
			a starts:
			b connects: b(kill)`, states: "a running, b connected", left: true},
		{name: "grace over", steps: `
			a connects:
			a starts:
			term: interrupted(SIGTERM) go(interrupt) a(terminated) say
			grace: say a(kill) interrupted(SIGTERM) go(interrupt)
			a ends:
			a leaves: close(a)
			command-ends:
			read: await hear`, states: "a ended"},
		{name: "output closed", steps: `
			a connects:
			a starts:
			closed:
			grace: interrupted(output closed) go(interrupt) a(terminated)
			grace: say a(kill) interrupted(output closed) go(interrupt)`, states: "a running", left: true},
		{name: "a round that runs a test again", steps: `
			a connects:
			a starts:
			a ends:
			a leaves: close(a)
			command-ends:
			read: hear
			again:
			b connects:
			b asks m/a: b(runs[TestX])
			b starts:
			b leaves: close(b) end-orphans[] end-group(b)
			c connects:
			c asks /work/a.test: c(runs[TestX])
			c asks m/b: c(runs[])
			c leaves: close(c)
			command-ends:
			read: hear`, states: "a ended, b lost, c connected"},
		{name: "a part of the tests", cfg: Config{Parts: map[string]Part{"m/a": {Only: []string{"TestX"}}, "m/b": {Except: []string{"TestY"}}}}, steps: `
			a connects:
			a asks m/a: a(runs[TestX])
			b connects:
			b asks m/b: b(all-but[TestY])
			c connects:
			c asks m/c: c(all-but[])
			again:
			c asks m/c: c(runs[])`, states: "a connected, b connected, c connected", left: true},
		{name: "one package after another", cfg: Config{Places: Places{Packages: 1}}, steps: `
			a connects:
			a asks m/a: a(all-but[])
			b connects:
			b asks m/b:
			c connects:
			c asks m/c:
			a starts:
			a ends: b(all-but[])
			a leaves: close(a)
			b starts:
			c leaves: close(c) waited(m/c 0s)
			b leaves: close(b) end-orphans[] end-group(b)
			read: hear`, states: "a ended, b lost, c connected"},
		{name: "a package that waits is asked to end", cfg: Config{Places: Places{Packages: 1}}, steps: `
			a connects:
			a asks m/a: a(all-but[])
			b connects:
			b asks m/b:
			a starts:
			int: interrupted(SIGINT) go(interrupt) a(interrupt) b(interrupt) say
			c connects: c(interrupt)
			c asks m/c:
			a ends: waited(m/b 0s)
			b leaves: close(b) waited(m/c 0s)
			c leaves: close(c)
			a leaves: close(a)
			command-ends:
			read: hear`, states: "a ended, b connected, c connected"},
		{name: "go dies before a package that waits", cfg: Config{Places: Places{Packages: 1}}, steps: `
			a connects:
			a asks m/a: a(all-but[])
			a fails broken:
			b connects:
			b asks m/b: b(all-but[])
			c connects:
			c asks m/c:
			command-dies:
			read: hear a(unread) b(unread) c(unread) go-gone a(terminated) b(terminated) c(terminated) say`, states: "a failed, b connected, c connected", status: 1, left: true},
		{name: "a setup before its packages", cfg: Config{Setups: []Setup{setupFor("db", "m/a", "m/b")}, Places: Places{Packages: 5}}, steps: `
			a connects:
			a asks m/a: begin(0)
			b connects:
			b asks m/b:
			c connects:
			c asks m/c: c(all-but[])
			setup-ends 0: a(all-but[] X=1) b(all-but[] X=1)
			a starts:
			d connects:
			d asks m/a: d(all-but[] X=1)
			e connects:
			e asks m/c: e(all-but[])`, states: "a running, b connected, c connected, d connected, e connected", left: true},
		{name: "a setup that fails", cfg: Config{Setups: []Setup{setupFor("db", "m/a"), setupFor("other", "m/...")}}, steps: `
			a connects:
			a asks m/a: begin(0) begin(1)
			setup-ends 1:
			setup-fails 0: waited(m/a 0s) a(refused: broken)
			a leaves: close(a)
			b connects:
			b asks m/a: waited(m/a 0s) b(refused: broken)`, states: "a connected, b connected", left: true},
		{name: "a setup is asked to end", cfg: Config{Setups: []Setup{setupFor("db", "m/a"), setupFor("other", "m/b")}}, steps: `
			b connects:
			b asks m/b: begin(1)
			setup-ends 1: b(all-but[] X=1)
			a connects:
			a asks m/a: begin(0)
			int: interrupted(SIGINT) go(interrupt) b(interrupt) a(interrupt) setup(0 interrupt) say
			setup-fails 0: waited(m/a 0s)
			a leaves: close(a)
			c connects: c(interrupt)
			c asks m/a: waited(m/a 0s)`, states: "a connected, b connected, c connected", left: true},
		{name: "a setup is not killed with the tests", cfg: Config{Setups: []Setup{setupFor("db", "m/a")}}, steps: `
			a connects:
			a asks m/a: begin(0)
			int: interrupted(SIGINT) go(interrupt) a(interrupt) setup(0 interrupt) say
			int: a(kill) interrupted(SIGINT) go(interrupt)`, states: "a connected", left: true},
		{name: "what setups left is ended", cfg: Config{Setups: []Setup{setupFor("db", "m/a"), setupFor("other", "m/b")}}, steps: `
			a connects:
			a asks m/a: begin(0)
			setup-ends 0: a(all-but[] X=1)
			a starts:
			int: interrupted(SIGINT) go(interrupt) a(interrupt) say
			a ends:
			a leaves: close(a)
			command-ends:
			read: hear
			ends-setups:
			int: setup(0 killed) give-up-outputs await interrupted(SIGINT) go(interrupt)
			int: setup(0 killed) give-up-outputs go(killed) give-up-outputs setup(0 killed)`, states: "a ended"},
		{name: "processes of a package ask for places", cfg: Config{Overrides: inGroup("x"), Places: Places{Groups: []override.Group{{Name: "x", Max: 1}}}}, steps: `
			a connects:
			a divides m/a: a(4 at once)
			a asks-for 1: a(1:PGTEST_SLOT=0,PGTEST_GROUP_SLOT=0)
			a asks-for 2:
			a begins TestX:
			a is-done 1: a(2:PGTEST_SLOT=0,PGTEST_GROUP_SLOT=0)
			a asks-for 3:
			b connects:
			b asks m/b:
			a leaves: close(a) waited(m/a 0s) b(all-but[])`, states: "a connected, b connected", left: true},
		{name: "too many failures", cfg: Config{MaxFails: MaxFails{Count: 2}}, steps: `
			a connects:
			a starts:
			enough: say interrupted(--max-fails=2) go(interrupt) a(terminated)
			enough:
			b connects: b(terminated)
			grace: say a(kill) b(kill) interrupted(--max-fails=2) go(interrupt)`, states: "a running, b connected", status: 1, left: true},
		{name: "too many failures, now", cfg: Config{MaxFails: MaxFails{Count: 2, Now: true}}, steps: `
			a connects:
			a starts:
			enough: say interrupted(--max-fails=2:now) go(interrupt) a(terminated)
			grace: a(kill) interrupted(--max-fails=2:now) go(interrupt)`, states: "a running", status: 1, left: true},
		{name: "too many failures at the end", cfg: Config{MaxFails: MaxFails{Count: 2}}, steps: `
			read: hear
			enough:`},
		{name: "canceled", steps: `
			cancel: interrupted(canceled) go(interrupt)
			command-ends:
			read: hear`},
		{name: "signals while the outputs are written", steps: `
			command-ends:
			read: hear
			int: interrupted(SIGINT) go(interrupt) say
			int: give-up-outputs await interrupted(SIGINT) go(interrupt)`},
		{name: "stop and continue", steps: `
			a connects:
			stop: go(stopped (signal)) a(stopped (signal)) hear hide-live
			b connects: b(stopped (signal))
			continue: a(continued) b(continued) go(continued)
			c connects:`, states: "a connected, b connected, c connected", left: true},
		{name: "a test that starts while everything is stopped and ends", steps: `
			int: interrupted(SIGINT) go(interrupt) say
			stop: go(stopped (signal)) hear hide-live
			a connects: a(interrupt) a(stopped (signal))`, states: "a connected", left: true},
		{name: "tests that have the terminal are stopped by it", cfg: Config{Terminal: true}, steps: `
			a connects:
			stop: hide-live
			b connects:
			continue:
			int: interrupted(SIGINT) go(interrupt) a(interrupt) b(interrupt) say`, states: "a connected, b connected", left: true},
		{name: "go dies before its tests", steps: `
			a connects:
			a starts:
			command-dies:
			read: hear a(unread) go-gone a(terminated) say
			grace: say a(kill) await go(interrupt)
			a ends:
			a leaves: close(a)`, states: "a ended", status: 1},
		{name: "go dies of the signal that everybody has", steps: `
			a connects:
			a starts:
			term: interrupted(SIGTERM) go(interrupt) a(terminated) say
			command-dies:
			read: hear a(unread) go-gone`, states: "a running", status: 1, left: true},
		{name: "go dies, a package's last words are on their way", steps: `
			a connects:
			a starts:
			a ends:
			command-dies:
			read: hear
			a leaves: close(a)`, states: "a ended", status: 1},
		{name: "supervisors that don't answer", steps: `
			a connects:
			b connects:
			a starts:
			command-dies:
			read: hear a(unread) b(unread) go-gone a(terminated) b(terminated) say
			int: interrupted(SIGINT) go(interrupt) a(interrupt) b(interrupt) say
			int: a(kill) b(kill) await interrupted(SIGINT) go(interrupt)
			unanswered: end-orphans[] kill-supervisor(a) await
			b leaves: close(b)
			unanswered: end-orphans[] close(a) await
			a leaves: close(a) end-orphans[] end-group(a)`, states: "a lost, b connected", status: 1},
		{name: "the watchdog is killed", steps: `
			a connects:
			a starts:
			watchdog-dies: say go-gone a(terminated) say
			read: hear a(unread) go-gone
			int: interrupted(SIGINT) go(interrupt) a(interrupt) say`, states: "a running", status: 1, left: true},
		{name: "the watchdog is killed, and the tests don't end", steps: `
			a connects:
			watchdog-dies: say go-gone a(terminated) say
			grace: say a(kill) go(interrupt)
			read: await hear`, states: "a connected", status: 1, left: true},
		{name: "another command gets the signals itself", source: command{}, steps: `
			int: interrupted(SIGINT) go(interrupt) say
			stop: go(stopped (signal)) hear hide-live
			continue: go(continued)
			int: go(killed) interrupted(SIGINT)
			int: go(killed) go(killed) give-up-outputs
			int: go(killed) kill-watchdog give-up-events go(killed) give-up-outputs`, left: true},
		{name: "input has no process", source: input{}, steps: `
			stop: hear hide-live
			continue:
			int: interrupted(SIGINT) say
			int: give-up-events interrupted(SIGINT)
			int: give-up-events give-up-outputs
			read: await hear`},
		{name: "processes are shared", steps: `
			a connects:
			b connects:
			a divides x: a(4 at once)
			b divides y: a(2 at once) b(2 at once)
			a divides x:
			b leaves: close(b) a(4 at once)`, states: "a connected, b connected", left: true},
		{name: "more packages than processors", steps: `
			a connects:
			b connects:
			c connects:
			d connects:
			e connects:
			a divides x: a(4 at once)
			b divides y: a(2 at once) b(2 at once)
			c divides z: a(1 at once) b(1 at once) c(1 at once)
			d divides u: d(1 at once)
			e divides v: e(1 at once)`, states: "a connected, b connected, c connected, d connected, e connected", left: true},
		{name: "processes of tests that an output shows", cfg: Config{Stream: jsonstream.Options{Slowest: 1}}, steps: `
			a connects:
			a divides x: a(4 at once)
			a begins TestA:
			a begins TestB:
			a finishes TestA: process(x TestA 1s)
			a finishes TestB: process(x TestB 2s)`, states: "a connected", left: true},
		{name: "processes of tests that no output shows", steps: `
			a connects:
			a divides x: a(4 at once)
			a begins TestA:
			a finishes TestA:`, states: "a connected", left: true},
		{name: "processes are configured", cfg: Config{Isolation: Isolation{Processes: 3}}, steps: `
			a connects:
			a divides x: a(3 at once)
			b connects:
			b divides y: b(3 at once)`, states: "a connected, b connected", left: true},
		{name: "tests in processes of their own", steps: `
			a connects:
			a starts:
			t connects:
			t divides a: t(4 at once)
			t began TestX: began(TestX)
			t slow TestX: slow(TestX)
			t leaked 7,a:
			t leaked 8,a:
			t undivided fuzzing: say
			t undivided fuzzing:
			t undivided benchmarks: say
			t leaves: close(t)
			a ends 7:
			a leaves: close(a)
			command-ends:
			read: hear`, states: "a ended leak(7) alive leak(8), t connected", status: 1},
		{name: "a leak", steps: `
			a connects:
			a starts:
			a ends 7:
			a leaves: close(a)
			command-ends:
			read: hear`, states: "a ended leak(7) alive", status: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScript(test.cfg, test.source)
			defer s.signals.Finish()
			for line := range strings.SplitSeq(strings.TrimSpace(test.steps), "\n") {
				event, want, _ := strings.Cut(strings.TrimSpace(line), ":")
				if got := s.play(event); got != strings.TrimSpace(want) {
					t.Errorf("%s: %s; want %s", event, got, want)
				}
			}
			if got := s.states(); got != test.states {
				t.Errorf("states: %s; want %s", got, test.states)
			}
			if s.plan.done() == test.left {
				t.Errorf("done is %t", !test.left)
			}
			if got, _ := s.plan.verdict(result.Report{}, leaked(s.plan.records()), false); got != test.status {
				t.Errorf("status %d, want %d", got, test.status)
			}
		})
	}
}

func setupFor(name string, packages ...string) Setup {
	s := Setup{Name: name}
	s.InPackages(packages...)
	return s
}

// inGroup puts everything into a group.
func inGroup(name string) override.Rules {
	return override.Rules{{Settings: override.Settings{Group: override.Value[string]{Is: name, Where: "pgtest.toml:1:1"}}}}
}

func leaked(records []Process) bool {
	return slices.ContainsFunc(records, func(p Process) bool { return len(p.Leaks) > 0 })
}

func TestVerdict(t *testing.T) {
	excused := result.Report{QuarantinedTests: 1}
	bad := result.Report{Packages: []result.PackageReport{{Path: "a", End: result.Failed}}}
	killed := syscall.WaitStatus(syscall.SIGTERM)
	for _, test := range []struct {
		name    string
		round   round
		report  result.Report
		leaks   bool
		status  int
		message string
	}{
		{"go says whether tests failed", round{source: goTest{}}, bad, false, 0, ""},
		{"of input nobody else does", round{source: input{}}, bad, false, 1, ""},
		{"nor of a command", round{source: command{}}, bad, false, 1, ""},
		{"a command's own status", round{source: command{}, status: 3 << 8}, bad, false, 3, ""},
		{"leaks fail", round{source: goTest{}}, result.Report{}, true, 1, ""},
		{"leaks don't", round{source: goTest{}}, result.Report{}, false, 0, ""},
		{"what failed is in quarantine", round{source: goTest{}, status: 1 << 8}, excused, false, 0, ""},
		{"go failed alone", round{source: goTest{}, status: 1 << 8}, result.Report{}, false, 1, ""},
		{"and something else failed", round{source: goTest{}, status: 1 << 8}, result.Report{Packages: bad.Packages, QuarantinedTests: 1}, false, 1, ""},
		{"and go printed an error", round{source: goTest{}, status: 1 << 8}, result.Report{QuarantinedTests: 1, Errors: 1}, false, 1, ""},
		{"and leaks fail", round{source: goTest{}, status: 1 << 8}, excused, true, 1, ""},
		{"and go failed itself", round{source: goTest{}, status: 2 << 8}, excused, false, 2, ""},
		{"killed", round{source: goTest{}, status: killed}, bad, false, 1, "pgtest: go test: signal: terminated"},
		{"killed when all were asked to end", round{source: goTest{}, status: killed, interrupted: true}, bad, false, 1, ""},
		{"nobody knows", round{source: goTest{}, status: killed, unfollowed: true}, bad, false, 1, ""},
	} {
		p := plan{round: test.round}
		status, message := p.verdict(test.report, test.leaks, false)
		if status != test.status || message != test.message {
			t.Errorf("%s: %d, %q; want %d, %q", test.name, status, message, test.status, test.message)
		}
	}
}

// TestVerdictAgain is about runs of two rounds, of which the first had status 1.
func TestVerdictAgain(t *testing.T) {
	good := result.Report{Packages: []result.PackageReport{{Path: "a", End: result.Passed}}, FlakyTests: 1}
	bad := result.Report{Packages: []result.PackageReport{{Path: "a", End: result.Failed}}}
	for _, test := range []struct {
		name      string
		status    syscall.WaitStatus // of the second round
		report    result.Report
		failFlaky bool
		want      int
	}{
		{"all came good", 0, good, false, 0},
		{"flaky tests fail", 0, good, true, 1},
		{"one did not come good", 0, bad, false, 1},
		{"nor says go", 1 << 8, bad, false, 1},
		{"go failed otherwise", 2 << 8, good, false, 2},
		{"go was killed", syscall.WaitStatus(syscall.SIGTERM), good, false, 1},
	} {
		p := plan{round: round{source: goTest{}, status: 1 << 8}}
		p.next(goTest{}, nil)
		p.status = test.status
		if got, _ := p.verdict(test.report, false, test.failFlaky); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

// TestPlanInvariants plays every sequence of events of some length and checks
// what must hold whatever comes in.
func TestPlanInvariants(t *testing.T) {
	events := []string{"int", "grace", "closed", "stop", "continue", "unanswered", "command-dies", "watchdog-dies", "read",
		"b connects", "b divides x", "b leaves", "a ends", "a leaves"}
	depth := 4
	if testing.Short() {
		depth = 3
	}
	for _, source := range []source{goTest{}, command{}, input{}} {
		tryAll(t, source, []string{"a connects", "a starts"}, events, depth)
	}
}

// tryAll plays all that begins with path and goes on with depth of the events.
func tryAll(t *testing.T, source source, path, events []string, depth int) {
	if depth == 0 || t.Failed() {
		return
	}
	for _, event := range events {
		s := newScript(Config{}, source)
		for _, earlier := range path {
			s.play(earlier)
		}
		if s.possible(event) {
			before := s.packages["a"].state
			answer := s.play(event)
			path := append(slices.Clone(path), event)
			if broken := s.broken(event, before); broken != "" {
				t.Errorf("%T: %s: %s: %s", source, strings.Join(path, ", "), answer, broken)
			}
			tryAll(t, source, path, events, depth-1)
		}
		s.signals.Finish()
	}
}

// possible says whether an event can come now.
func (s *script) possible(event string) bool {
	name, what, ofPackage := strings.Cut(event, " ")
	p := s.packages[name]
	switch {
	case s.plan.over && (event == "read" || strings.HasPrefix(event, "command-") || event == "watchdog-dies"):
		return false
	case event == "unanswered":
		return s.plan.waiting
	case !ofPackage:
		return true
	case what == "connects":
		return p == nil
	case p == nil || !s.isThere(p):
		return false
	}
	return what != "ends" || p.state == running
}

func (s *script) isThere(p *supervised) bool { return slices.Contains(s.plan.present, p) }

// broken says what does not hold after an event.
func (s *script) broken(event string, before state) string {
	is := make(map[verb]bool)
	for _, st := range s.steps {
		is[st.verb] = true
		if st.verb == send && !s.isThere(st.to) {
			return "an order to a supervisor that is gone"
		}
		for _, p := range s.packages {
			if st.verb == endOrphans && event != "unanswered" && slices.Contains(st.spare, p.pid) != s.isThere(p) {
				return "the supervisors that are there are spared, and nothing else"
			}
		}
	}
	a := s.packages["a"]
	switch {
	case a.state < before || before >= ended && a.state != before:
		return "a package goes back"
	case event == "a leaves" && (before == running) != (a.state == lost):
		return "a package is lost if its supervisor dies while the test binary runs"
	case event == "a leaves" && (a.state == lost) != is[endOrphans]:
		return "what a dead supervisor left is ended, and nothing else"
	case a.state == lost && !s.plan.untidy:
		return "the watchdog must clean up"
	case s.plan.over && s.plan.asked == syscall.SIGKILL && !s.plan.waiting && !s.plan.done():
		return "nothing makes sure that the round ends"
	case s.plan.over && s.plan.asked == 0 && a.state == running && s.isThere(a):
		return "a test that go has left was not asked to end"
	case event == "b connects" && s.plan.asked == syscall.SIGKILL && !s.steps[0].order.Kill:
		return "a late test is not killed"
	case event == "b connects" && s.plan.stopped != strings.Contains(strings.Join(s.words, " "), "stopped"):
		return "a late test is stopped with the others"
	}
	return ""
}
