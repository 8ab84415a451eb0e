package jsonstream

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// pacedSource is a stream on a clock of its own, on which lines arrive. A read
// gets what has arrived, or waits for the next line.
type pacedSource struct {
	t      *testing.T
	clock  time.Time
	start  time.Time
	lines  []arrival
	pauses []time.Duration // when they began, since the start
	reads  int
}

type arrival struct {
	at   time.Duration
	text string
}

func (s *pacedSource) Read(p []byte) (int, error) {
	if len(s.lines) == 0 {
		return 0, io.EOF
	}
	s.reads++
	if first := s.start.Add(s.lines[0].at); first.After(s.clock) {
		s.clock = first
	}
	n := 0
	for len(s.lines) > 0 && !s.start.Add(s.lines[0].at).After(s.clock) && n+len(s.lines[0].text) <= len(p) {
		n += copy(p[n:], s.lines[0].text)
		s.lines = s.lines[1:]
	}
	return n, nil
}

func (s *pacedSource) reader(idle func()) *lineReader {
	s.start = time.Unix(0, 0)
	s.clock = s.start
	return &lineReader{r: s, idle: idle, pace: pace{
		now: func() time.Time { return s.clock },
		sleep: func(d time.Duration) {
			s.pauses = append(s.pauses, s.clock.Sub(s.start))
			s.clock = s.clock.Add(d)
		},
	}}
}

// TestPaceAlone reads lines that come alone, or just after one that did: each is
// handed on at the moment it arrives.
func TestPaceAlone(t *testing.T) {
	s := &pacedSource{t: t}
	var want []time.Duration
	for i := range 50 {
		at := time.Duration(i+1) * 2 * pause
		want = append(want, at+pause/2, at+pause/2+pause/10)
		s.lines = append(s.lines, arrival{want[2*i], "a line\n"}, arrival{want[2*i+1], "and one more\n"})
	}
	var got []time.Duration
	lines := s.reader(func() {})
	for {
		_, _, err := lines.next()
		if err == io.EOF {
			break
		}
		got = append(got, s.clock.Sub(s.start))
	}
	if !slices.Equal(got, want) {
		t.Errorf("handed on at %v, arrived at %v", got, want)
	}
}

// TestPaceBusy reads lines that come one by one without end: a read gets many,
// and what was read is handled and written before each pause.
func TestPaceBusy(t *testing.T) {
	const count = 10_000
	s := &pacedSource{t: t}
	for i := range count {
		s.lines = append(s.lines, arrival{time.Duration(i) * 4 * time.Microsecond, fmt.Sprintln("line", i)})
	}
	handled, written := 0, 0
	lines := s.reader(func() { written = handled })
	sleep := lines.pace.sleep
	lines.pace.sleep = func(d time.Duration) {
		if written != handled || handled+len(s.lines) > count {
			t.Errorf("a pause with %d lines handled and %d written", handled, written)
		}
		sleep(d)
	}
	for {
		_, _, err := lines.next()
		if err == io.EOF {
			break
		}
		handled++
	}
	if handled != count {
		t.Errorf("%d lines, want %d", handled, count)
	}
	if limit := 2 * int(count*4*time.Microsecond/pause); s.reads > limit {
		t.Errorf("%d reads, want at most %d", s.reads, limit)
	}
}

// TestPaceFull has a stream that always has more: nothing pauses.
func TestPaceFull(t *testing.T) {
	paused := 0
	lines := &lineReader{
		r: bytes.NewReader(bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 100_000)), idle: func() {},
		pace: pace{now: time.Now, sleep: func(time.Duration) { paused++ }},
	}
	for {
		if _, _, err := lines.next(); err == io.EOF {
			break
		}
	}
	if paused > 1 { // the last read is what is left
		t.Errorf("%d pauses", paused)
	}
}
