package live

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
)

// A screen is a Display on an emulated terminal, with a clock that stands still
// until it is set.
type screen struct {
	*Display
	t             *testing.T
	terminal      *vt.Emulator
	width, height int
	clock         time.Time
	writes        int
	written       string
}

func newScreen(t *testing.T, width, height int) *screen {
	s := &screen{Display: New(nil, nil), t: t, terminal: vt.NewEmulator(width, height), width: width, height: height, clock: now}
	t.Cleanup(func() { s.terminal.Close() })
	s.size, s.now = func() (int, int) { return s.width, s.height }, func() time.Time { return s.clock }
	s.Display.w = terminalOf{s}
	return s
}

// terminalOf is the way from the Display to the terminal. The kernel makes a
// carriage return and a line feed of a line's end.
type terminalOf struct{ *screen }

func (s terminalOf) Write(p []byte) (int, error) {
	s.writes++
	s.written += string(p)
	s.terminal.WriteString(strings.ReplaceAll(string(p), "\n", "\r\n"))
	return len(p), nil
}

// later lets time pass.
func (s *screen) later(d time.Duration) { s.clock = s.clock.Add(d) }

// show shows lines with these texts, each cut to the width.
func (s *screen) show(texts ...string) {
	s.later(Period)
	s.Show(func(width, height int) []string {
		var lines []string
		for _, text := range texts {
			lines = append(lines, fit(text, width-1))
		}
		return lines[:min(len(lines), height-1)]
	}, Progress{})
}

func (s *screen) print(text string) { fmt.Fprint(s.Display, text) }

// echo is what the terminal itself shows of what is typed.
func (s *screen) echo(text string) { s.terminal.WriteString(text) }

func (s *screen) resize(width, height int) {
	s.width, s.height = width, height
	s.terminal.Resize(width, height)
}

// check checks all that is on the screen but empty lines at its end, and where
// the cursor is.
func (s *screen) check(want ...string) {
	s.t.Helper()
	lines := strings.Split(s.terminal.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if !slices.Equal(lines, want) {
		s.t.Errorf("the screen has\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

var widths = []int{40, 80, 200}

func onWidths(t *testing.T, f func(*screen)) {
	for _, width := range widths {
		t.Run(fmt.Sprint(width), func(t *testing.T) { f(newScreen(t, width, 6)) })
	}
}

// Output moves the lines down, whether they fit below it or not, and stays whole.
func TestOutputScrolls(t *testing.T) {
	onWidths(t, func(s *screen) {
		s.print("$ pgtest\n")
		s.show("bar 0", "one")
		s.check("$ pgtest", "bar 0", "one")
		s.later(Period)
		s.print("a passed\n")
		s.check("$ pgtest", "a passed", "bar 0", "one")
		s.show("bar 1", "two", "three")
		s.check("$ pgtest", "a passed", "bar 1", "two", "three")
		s.later(Period)
		s.print("b passed\nc passed\n")
		s.check("a passed", "b passed", "c passed", "bar 1", "two", "three")
		s.show("bar 2", "three")
		s.check("a passed", "b passed", "c passed", "bar 2", "three")
		s.Hide()
		s.check("a passed", "b passed", "c passed")
		s.print("DONE\n")
		s.check("a passed", "b passed", "c passed", "DONE")
	})
}

// Output without an end of its line has no lines below it, and goes on where it
// was.
func TestOpenLine(t *testing.T) {
	onWidths(t, func(s *screen) {
		s.show("bar")
		s.later(Period)
		s.print("ok so")
		s.check("ok so")
		s.show("bar", "one")
		s.check("ok so")
		s.later(Period)
		s.print(" far\n")
		s.check("ok so far", "bar", "one")
	})
}

// Output comes soon, and not more than ten times a second.
func TestRepaints(t *testing.T) {
	s := newScreen(t, 80, 24)
	s.show("bar")
	s.later(Period)
	s.writes = 0
	for i := range 1000 {
		s.print(fmt.Sprintln("line", i))
		if i%2 == 0 {
			s.Refresh()
		}
		s.later(time.Millisecond)
	}
	if s.writes > 10 {
		t.Errorf("%d repaints in a second", s.writes)
	}
	s.later(Period)
	s.Refresh()
	s.Hide()
	if !strings.HasPrefix(s.written[strings.Index(s.written, "line 0"):], "line 0\n") || !strings.Contains(s.written, "line 998\nline 999\n") {
		t.Errorf("output is missing: %q", s.written)
	}
	s.show("bar")
	s.writes = 0
	for range 100 {
		s.later(Period)
		s.show("bar")
	}
	if s.writes > 0 {
		t.Errorf("%d repaints of the same", s.writes)
	}
}

// A flood of output waits for no repaint, and is never larger in memory.
func TestFlood(t *testing.T) {
	s := newScreen(t, 80, 24)
	s.show("bar")
	var written strings.Builder
	s.Display.w = &written
	line := strings.Repeat("x", 79) + "\n"
	for range 10_000 {
		s.print(line)
		if len(s.held) >= heldMax {
			t.Fatalf("%d bytes wait", len(s.held))
		}
	}
	s.Hide()
	if n := strings.Count(written.String(), line); n != 10_000 {
		t.Errorf("%d lines of 10000", n)
	}
}

// What the terminal echoes where the cursor is goes with the lines.
func TestEcho(t *testing.T) {
	onWidths(t, func(s *screen) {
		s.print("output\n")
		s.show("bar of a length", "one")
		s.echo("^C")
		s.check("output", "^Cr of a length", "one")
		s.later(Period)
		s.print("interrupted\n")
		s.check("output", "interrupted", "bar of a length", "one")
		s.echo("^C")
		s.Hide()
		s.check("output", "interrupted")
	})
}

// A terminal that gets narrower or lower has no piece of a line left, nor loses
// output.
func TestResize(t *testing.T) {
	long := strings.Repeat("a long name ", 10)
	for _, to := range [][2]int{{30, 6}, {20, 6}, {80, 4}, {30, 3}, {200, 10}} {
		t.Run(fmt.Sprint(to), func(t *testing.T) {
			s := newScreen(t, 80, 6)
			s.print("output\n")
			s.show("bar", long, "two")
			s.resize(to[0], to[1])
			s.show("bar", long, "two")
			want := []string{"output", "bar", strings.TrimRight(fit(long, to[0]-1), " "), "two"}
			s.check(want[:min(len(want), to[1])]...)
			s.Hide()
			s.check("output")
		})
	}
}

// A terminal that wraps what it had drawn when it gets narrower, as most do, keeps
// the cursor at the start of the lines.
func TestReflow(t *testing.T) {
	s := newScreen(t, 40, 8)
	s.print("output\n")
	s.show(strings.Repeat("x", 39), strings.Repeat("y", 39))
	// The screen of a terminal that has done so.
	s.terminal.WriteString("\x1b[H\x1b[2Joutput\r\n" + strings.Repeat("x", 20) + "\r\n" + strings.Repeat("x", 19) +
		"\r\n" + strings.Repeat("y", 20) + "\r\n" + strings.Repeat("y", 19) + "\x1b[2;1H")
	s.resize(20, 8)
	s.show("bar")
	s.check("output", "bar")
}

// A name that the terminal takes for wider than it is neither wraps nor leaves
// anything behind.
func TestTooWide(t *testing.T) {
	s := newScreen(t, 40, 6)
	s.print("output\n")
	wide := strings.Repeat("日", 30)
	s.later(Period)
	s.Show(func(int, int) []string { return []string{"bar", wide, "two"} }, Progress{})
	if got := s.terminal.CursorPosition(); got.X != 0 || got.Y != 1 {
		t.Errorf("cursor at %v", got)
	}
	s.Hide()
	s.check("output")
}

// The progress is told when it changes, and taken back.
func TestProgress(t *testing.T) {
	s := newScreen(t, 40, 6)
	told := func(p Progress, want string) {
		t.Helper()
		s.written = ""
		s.later(Period)
		s.Show(func(int, int) []string { return []string{"bar"} }, p)
		if i := strings.Index(s.written, "\x1b]"); i < 0 && want != "" || i >= 0 && s.written[i:] != want {
			t.Errorf("%v: %q, want %q", p, s.written, want)
		}
	}
	told(Progress{}, "")
	told(Progress{Shown: true, Percent: -1}, "\x1b]9;4;3\x1b\\")
	told(Progress{Shown: true, Percent: 30}, "\x1b]9;4;1;30\x1b\\")
	told(Progress{Shown: true, Percent: 30}, "")
	told(Progress{Shown: true, Percent: 40, Failed: true}, "\x1b]9;4;2;40\x1b\\")
	s.written = ""
	s.Hide()
	if !strings.HasSuffix(s.written, ClearProgress) {
		t.Errorf("the end: %q", s.written)
	}
	s.check()
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

// A terminal that has gone is an error to those who write.
func TestBroken(t *testing.T) {
	s := newScreen(t, 40, 6)
	s.Display.w = broken{}
	if _, err := fmt.Fprint(s.Display, "output"); err == nil {
		t.Error("no error")
	}
}
