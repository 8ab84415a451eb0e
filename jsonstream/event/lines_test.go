package event

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// pacedSource is a pipe on a clock of its own, in which lines arrive. A read
// gets what has arrived, as far as the pipe holds it, or waits for the next
// line.
type pacedSource struct {
	t      *testing.T
	clock  time.Time
	start  time.Time
	lines  []arrival
	pauses []time.Duration // when they began, since the start
	reads  int
	most   int // bytes of one read
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
	p = p[:min(len(p), smallPipe)]
	n := 0
	for n < len(p) && len(s.lines) > 0 && !s.start.Add(s.lines[0].at).After(s.clock) {
		copied := copy(p[n:], s.lines[0].text)
		n += copied
		if s.lines[0].text = s.lines[0].text[copied:]; s.lines[0].text == "" {
			s.lines = s.lines[1:]
		}
	}
	s.most = max(s.most, n)
	return n, nil
}

func (s *pacedSource) reader(idle func()) (*Lines, *pace) {
	s.start = time.Unix(0, 0)
	s.clock = s.start
	p := &pace{
		r: s, idle: idle,
		now: func() time.Time { return s.clock },
		sleep: func(d time.Duration) {
			s.pauses = append(s.pauses, s.clock.Sub(s.start))
			s.clock = s.clock.Add(d)
		},
	}
	return newLines(p), p
}

// TestPaceAlone reads lines that come alone, or just after one that did: each
// is handed on at the moment it arrives.
func TestPaceAlone(t *testing.T) {
	s := &pacedSource{t: t}
	var want []time.Duration
	for i := range 50 {
		at := time.Duration(i+1) * 2 * minPause
		want = append(want, at+minPause/2, at+minPause/2+minPause/10)
		s.lines = append(s.lines, arrival{want[2*i], "a line\n"}, arrival{want[2*i+1], "and one more\n"})
	}
	var got []time.Duration
	lines, _ := s.reader(func() {})
	for {
		_, _, err := lines.Next()
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
	lines, pace := s.reader(func() { written = handled })
	sleep := pace.sleep
	pace.sleep = func(d time.Duration) {
		if written != handled || handled+len(s.lines) > count {
			t.Errorf("a pause with %d lines handled and %d written", handled, written)
		}
		sleep(d)
	}
	for {
		_, _, err := lines.Next()
		if err == io.EOF {
			break
		}
		handled++
	}
	if handled != count {
		t.Errorf("%d lines, want %d", handled, count)
	}
	if limit := int(count*4*time.Microsecond/maxPause) + 10; s.reads > limit {
		t.Errorf("%d reads, want at most %d", s.reads, limit)
	}
}

// TestPaceSmallPipe reads a stream that gets faster during long pauses. They
// get shorter before a small pipe is full.
func TestPaceSmallPipe(t *testing.T) {
	s := &pacedSource{t: t}
	at := time.Duration(0)
	add := func(lines int, every time.Duration) {
		for range lines {
			s.lines = append(s.lines, arrival{at, strings.Repeat("x", 199) + "\n"})
			at += every
		}
	}
	const last = 10_000
	add(10_000, time.Microsecond) // which makes the reader's buffer large
	add(1_000, 100*time.Microsecond)
	add(last, 20*time.Microsecond)
	var pace *pace
	longest := time.Duration(0)
	lines, pace := s.reader(func() {
		longest = max(longest, pace.wait)
		if len(s.lines) > last*9/10 {
			s.most = 0
		}
	})
	for {
		if _, _, err := lines.Next(); err == io.EOF {
			break
		}
	}
	if longest != maxPause {
		t.Errorf("the longest pause is %v, want %v", longest, maxPause)
	}
	if s.most == 0 || s.most > smallPipe/2 {
		t.Errorf("a read found %d bytes in a pipe of %d", s.most, smallPipe)
	}
}

// TestPaceFull has a stream that always has more: nothing pauses.
func TestPaceFull(t *testing.T) {
	paused := 0
	lines := newLines(&pace{
		r: bytes.NewReader(bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 100_000)), idle: func() {},
		now: time.Now, sleep: func(time.Duration) { paused++ },
	})
	for {
		if _, _, err := lines.Next(); err == io.EOF {
			break
		}
	}
	if paused > 1 { // the last read is what is left
		t.Errorf("%d pauses", paused)
	}
}

// TestLinesLong reads lines around the sizes of the buffers: those of up to
// MaxLine come whole.
func TestLinesLong(t *testing.T) {
	for _, size := range []int{2*ReadSize - 1, 2 * ReadSize, 2*ReadSize + 1, MaxLine - 1, MaxLine, MaxLine + 1, 3 * MaxLine} {
		want := []string{"first\n", strings.Repeat("x", size-1) + "\n", "next\n", strings.Repeat("y", 2*ReadSize) + "\n", "no end"}
		lines := NewLines(iotest.HalfReader(strings.NewReader(strings.Join(want, ""))), 0, func() {})
		for i, line := range want {
			var got []byte
			pieces := 0
			for whole := false; !whole; pieces++ {
				piece, end, err := lines.Next()
				if err != nil {
					t.Fatalf("%d bytes: line %d: %v", size, i, err)
				}
				got, whole = append(got, piece...), end
			}
			if string(got) != line || pieces > 1 != (len(line) > MaxLine) {
				t.Errorf("%d bytes: line %d came in %d pieces, with %d bytes of %d", size, i, pieces, len(got), len(line))
			}
		}
		if piece, _, err := lines.Next(); err != io.EOF || len(piece) > 0 {
			t.Errorf("%d bytes: %q, %v at the end", size, piece, err)
		}
	}
}

// TestClock reads times one after another as each alone.
func TestClock(t *testing.T) {
	texts := []string{
		"2026-11-23T19:00:58.819542753Z", "2026-11-23T19:00:58.8Z", "2026-11-23T19:00:58.Z", "2026-11-23T19:00:58Z",
		"2026-11-23T19:00:58.8+02:00", "2026-11-23T19:00:58.123+02:00", "2026-11-23T19:00:58+02:00", "2026-11-23T19:00:58.1:00",
		"2026-11-23T19:00:58.12345678901Z", "2026-11-23T19:00:58.1", "2026-11-23T19:00:58,1Z", "0001-01-01T00:00:00.0Z", "", "2026",
	}
	for _, before := range texts {
		for _, text := range texts {
			var c, alone clock
			c.parse([]byte(before))
			got, ok := c.parse([]byte(text))
			if want, wantOK := alone.parse([]byte(text)); got != want || ok != wantOK {
				t.Errorf("%q after %q: %v, %v; want %v, %v", text, before, got, ok, want, wantOK)
			}
		}
	}
}
