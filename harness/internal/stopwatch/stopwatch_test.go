package stopwatch

import (
	"testing"
	"time"
)

func TestWatch(t *testing.T) {
	const s = time.Second
	type step struct {
		after time.Duration
		do    string // look, stop, continue
		want  time.Duration
	}
	for name, steps := range map[string][]step{
		"nothing counts before the first look": {{5 * s, "look", 0}},
		"pieces add up":                        {{0, "look", 0}, {s, "look", s}, {s, "look", 2 * s}, {2 * s, "look", 4 * s}},
		"a long piece is a stop":               {{0, "look", 0}, {s, "look", s}, {time.Hour, "look", 3 * s}, {s, "look", 4 * s}},
		"a stop does not count":                {{0, "look", 0}, {s, "stop", s}, {s, "look", s}, {s, "continue", s}, {s, "look", 2 * s}},
		"stopped twice":                        {{0, "look", 0}, {s, "stop", s}, {s, "stop", s}, {s, "continue", s}, {s, "look", 2 * s}},
		"continued without a stop":             {{0, "look", 0}, {s, "continue", s}, {s, "look", 2 * s}},
		"stopped before the first look":        {{0, "stop", 0}, {s, "continue", 0}, {s, "look", s}},
		"a look that comes late":               {{0, "look", 0}, {s, "look", s}, {-s, "look", s}, {s, "look", s}, {s, "look", 2 * s}},
	} {
		t.Run(name, func(t *testing.T) {
			w := Watch{Longest: 2 * s}
			now := time.Now()
			for i, step := range steps {
				now = now.Add(step.after)
				switch step.do {
				case "stop":
					w.Stop(now)
				case "continue":
					w.Continue(now)
				}
				if got := w.Look(now); got != step.want {
					t.Fatalf("step %d, %s: %v, want %v", i, step.do, got, step.want)
				}
			}
		})
	}
}

func TestAfterFunc(t *testing.T) {
	called := make(chan struct{})
	stop := AfterFunc(time.Millisecond, func() { close(called) })
	<-called
	stop()
	stop()
}
