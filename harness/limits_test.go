package harness

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgtest/harness/override"
	"pgtest/jsonstream"
	"pgtest/jsonstream/result"
)

// TestSlowAfter looks at a test that has begun at various times of the wall
// clock and is stopped for an hour: what counts is the time in which it could
// run.
func TestSlowAfter(t *testing.T) {
	for name, wall := range map[string]time.Duration{
		"clock right": 0, "clock set forward": time.Hour, "clock set back": -time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			var notices bytes.Buffer
			stream, err := jsonstream.New(jsonstream.Options{Format: "none", Notices: &notices})
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			now := time.Now()
			event := `"Time":"` + now.Add(-wall).Format(time.RFC3339Nano) + `","Package":"p"`
			events := `{"Action":"start",` + event + `}` + "\n" + `{"Action":"run","Test":"TestA",` + event + `}` + "\n"
			if err := stream.ReadOutput(strings.NewReader(events)); err != nil {
				t.Fatal(err)
			}
			p := newPlan(Config{SlowAfter: 10 * time.Second}, goTest{})
			look := func() {
				for _, s := range p.look(now, stream.Running()) {
					stream.Note(s.note)
				}
			}
			pass := func(d time.Duration) {
				for range d / time.Second {
					now = now.Add(time.Second)
					look()
				}
			}
			look()
			pass(5 * time.Second)
			p.limits.clock.Stop(now) // as Ctrl-Z does
			now = now.Add(time.Hour)
			p.limits.clock.Continue(now)
			pass(2 * time.Second)
			now = now.Add(time.Hour) // as SIGSTOP does to pgtest and its tests
			look()
			if notices.Len() > 0 {
				t.Errorf("slow too early: %q", notices.String())
			}
			pass(4 * time.Second)
			if !strings.HasPrefix(notices.String(), "pgtest: slow: TestA of p has been running for 1") ||
				strings.Count(notices.String(), "\n") != 1 {
				t.Errorf("printed %q", notices.String())
			}
		})
	}
}

// TestLimits lets time pass while tests run. A line has the second up to which
// the tests run that it names, those that wait for their turn with a minus, or
// another event; and the steps.
func TestLimits(t *testing.T) {
	for _, test := range []struct {
		name          string
		slow, timeout time.Duration
		steps         string
	}{
		{"slow, once", 3 * time.Second, 0, `
			0 TestA:
			2 TestA:
			3 TestA: slow(TestA)
			9 TestA:`},
		{"two that begin at other times", 3 * time.Second, 0, `
			0 TestA:
			1 TestA:
			3 TestA TestB: slow(TestA)
			4 TestB: slow(TestB)`},
		{"waiting does not count", 3 * time.Second, 0, `
			0 TestA:
			1 TestA:
			5 -TestA:
			7 TestA:
			8 TestA: slow(TestA)`},
		{"subtests and benchmarks", 3 * time.Second, 3 * time.Second, `
			0 TestA/sub BenchmarkA:
			9 TestA/sub BenchmarkA:`},
		{"timeout, then SIGKILL", 0, 3 * time.Second, `
			0 TestA:
			3 TestA: p(quit)
			p overran: timeout(TestA)
			8 TestA:
			9 TestA: p(kill)
			15 TestA:`},
		{"one timeout ends the package", 0, 3 * time.Second, `
			0 TestA TestB:
			3 TestA TestB: p(quit)
			p overran: timeout(TestA)
			4 TestA TestB:`},
		{"timeout, said once by two supervisors", 0, 3 * time.Second, `
			0 TestA:
			3 TestA: p(quit)
			p overran: timeout(TestA)
			p overran:`},
		{"it ends before its supervisor hears of the timeout", 0, 3 * time.Second, `
			0 TestA:
			3 TestA: p(quit)
			p ends:
			p leaves: close(p)
			9:`},
		{"slow and timeout", 2 * time.Second, 3 * time.Second, `
			0 TestA:
			2 TestA: slow(TestA)
			3 TestA: p(quit)
			p overran: timeout(TestA)`},
		{"the package has just ended", 0, 3 * time.Second, `
			0 TestA:
			p ends:
			3 TestA:`},
		{"the tests were asked to end", 2 * time.Second, 3 * time.Second, `
			0 TestA:
			int: interrupted(SIGINT) go(interrupt) p(interrupt) say
			3 TestA: slow(TestA)`},
		{"the time of a stop", 0, 3 * time.Second, `
			0 TestA:
			2 TestA:
			stop: go(stopped (signal)) p(stopped (signal)) hear hide-live
			60 TestA:
			continue: p(continued) go(continued)
			61 TestA: p(quit)
			p overran: timeout(TestA)`},
		{"tests in processes of their own have limits there", 2 * time.Second, 2 * time.Second, `
			t connects:
			t divides p: t(4 at once)
			0 TestA:
			9 TestA:`},
	} {
		t.Run(test.name, func(t *testing.T) {
			playLimits(t, Config{SlowAfter: test.slow, TestTimeout: test.timeout}, test.steps)
		})
	}
}

// TestOwnLimits does the same where overrides say what holds for tests.
func TestOwnLimits(t *testing.T) {
	rule := func(run string, slow, timeout time.Duration) *override.Rule {
		r := new(override.Rule)
		if run != "" {
			if err := r.ForTests(run); err != nil {
				t.Fatal(err)
			}
		}
		if slow >= 0 {
			r.SlowAfter = override.Value[time.Duration]{Is: slow, Where: "f:1:1"}
		}
		if timeout >= 0 {
			r.Timeout = override.Value[time.Duration]{Is: timeout, Where: "f:2:1"}
		}
		return r
	}
	playLimits(t, Config{SlowAfter: 3 * time.Second, TestTimeout: 6 * time.Second, Overrides: override.Rules{
		rule("Quick/sub", -1, 2*time.Second), rule("Long", 8*time.Second, 10*time.Second), rule("Free", 0, 0),
	}}, `
		0 TestA TestLong TestFree TestQuick/other TestQuick/sub/below TestLong/sub:
		3 TestA TestLong TestFree TestQuick/other TestQuick/sub/below TestLong/sub: slow(TestA)
		5 TestA TestLong TestFree:
		6 TestLong TestFree TestLong/sub:
		8 TestLong TestFree TestLong/sub: slow(TestLong)
		10 TestLong TestFree: p(quit)
		p overran: timeout(TestLong)`)
	playLimits(t, Config{Overrides: override.Rules{rule("", -1, 6*time.Second), rule("Quick/sub", -1, 2*time.Second)}}, `
		0 TestQuick TestQuick/sub:
		3 TestQuick -TestQuick/sub TestQuick/other:
		4 TestQuick TestQuick/sub TestQuick/other:
		5 TestQuick TestQuick/sub TestQuick/other: p(quit)
		p overran: timeout(TestQuick/sub)`)
	long := Config{Args: []string{"-timeout=5s"}, Overrides: override.Rules{rule("Long", -1, 8*time.Second)}}
	playLimits(t, long, `
		0 TestLong:
		7 TestLong:
		8 TestLong: p(quit)
		p overran: timeout(TestLong)`)
	playLimits(t, long, `
		0 TestA TestLong TestA/sub:
		5 TestA TestLong TestA/sub: p(quit)
		p overran: timeout(TestA)`)
	playLimits(t, long, `
		0:
		4:
		6 TestA:
		10:
		11: p(quit)
		p overran: timeout()`)
	playLimits(t, long, `
		q connects:
		0 q:
		20 q:
		q starts:
		24 q:
		26 q: q(quit)
		q overran: timeout()`)
	long.Args = nil
	playLimits(t, long, `
		0 TestA:
		60 TestA:`)
	if got := (result.Timeout{Package: "p", Test: "TestA", Limit: time.Second, Where: "f:2:1"}).String(); !strings.Contains(got, "its timeout of 1s (f:2:1)") {
		t.Error(got)
	}
}

// playLimits plays a script in which time passes.
func playLimits(t *testing.T, cfg Config, steps string) {
	t.Helper()
	s := newScript(cfg, nil)
	defer s.signals.Finish()
	s.play("p connects")
	s.play("p starts")
	start := s.now
	for line := range strings.SplitSeq(strings.TrimSpace(steps), "\n") {
		event, want, _ := strings.Cut(strings.TrimSpace(line), ":")
		got := ""
		if event[0] >= '0' && event[0] <= '9' {
			got = s.pass(t, start, strings.Fields(event))
		} else {
			got = s.play(event)
		}
		if got != strings.TrimSpace(want) {
			t.Errorf("%s: %s; want %s", event, got, want)
		}
	}
}

// pass lets the time go on to a second after start, and returns what the plan
// does about the tests that run.
func (s *script) pass(t *testing.T, start time.Time, words []string) string {
	second, err := time.ParseDuration(words[0] + "s")
	if err != nil {
		t.Fatal(err)
	}
	running := []result.Running{{Package: "p", Started: start, Parent: len(words) > 1}}
	if len(words) > 1 && words[1] == "q" {
		running[0].Package, running[0].Parent, words = "q", false, words[:1]
	}
	for _, test := range words[1:] {
		name := strings.TrimPrefix(test, "-")
		running = append(running, result.Running{Package: "p", Test: name, Paused: name != test})
	}
	s.steps, s.words = nil, nil
	for {
		s.do(s.plan.look(s.now, running))
		if !s.now.Before(start.Add(second)) {
			return strings.Join(s.words, " ")
		}
		s.now = s.now.Add(100 * time.Millisecond)
	}
}
