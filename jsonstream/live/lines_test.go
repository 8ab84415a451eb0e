package live

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"pgtest/jsonstream/result"
)

var now = time.Unix(1000, 0)

func ago(seconds float64) time.Time {
	return now.Add(-time.Duration(seconds * float64(time.Second)))
}

// A state of a run with all that there can be.
func state() State {
	return State{
		Progress: result.Progress{Ended: 12, Passed: 341, Failed: 2, Skipped: 3},
		Total:    40,
		Running: []result.Running{
			{Package: "example.com/m/a", Started: ago(4), Parent: true},
			{Package: "example.com/m/a", Test: "TestX", Started: ago(3), Parent: true},
			{Package: "example.com/m/a", Test: "TestX/sub", Started: ago(2.55)},
			{Package: "example.com/m/a", Test: "TestLater", Started: ago(2), Paused: true},
			{Package: "example.com/m/internal/with/a/long/path", Test: "TestWithALongName/日本語の名前", Started: ago(75)},
			{Package: "example.com/m/b", Started: ago(-1)},
		},
		Idle: "building", Elapsed: 80 * time.Second, Left: 100 * time.Second, Now: now,
	}
}

func TestLines(t *testing.T) {
	with := func(change func(*State)) State {
		s := state()
		change(&s)
		return s
	}
	style := Style{Tests: 8}
	for _, c := range []struct {
		name          string
		state         State
		style         Style
		width, height int
		want          string
	}{
		{"wide", state(), style, 200, 24, `
[=========>                    ] 12/40 packages, 341 passed, 2 failed, 3 skipped, 1m20s, 1m40s left
   1m15s  example.com/m/internal/with/a/long/path TestWithALongName/日本語の名前
    2.5s  example.com/m/a TestX/sub
    0.0s  example.com/m/b`},
		{"80", state(), style, 80, 24, `
[===>      ] 12/40 packages, 341 passed, 2 failed, 3 skipped, 1m20s, 1m40s left
   1m15s  path TestWithALongName/日本語の名前
    2.5s  example.com/m/a TestX/sub
    0.0s  example.com/m/b`},
		{"40", state(), style, 40, 24, `
[=>   ] 12/40 packages, 2 failed, 1m20s
   1m15s  path TestWithALongName/日...
    2.5s  example.com/m/a TestX/sub
    0.0s  example.com/m/b`},
		{"so narrow that little is left", state(), style, 15, 24, `
12/40 packages
   1m15s  p...
    2.5s  a...
    0.0s  e...`},
		{"too narrow", state(), style, 10, 24, ""},
		{"unknown size", state(), style, 0, 0, ""},
		{"as high as needed", state(), style, 40, 5, `
[=>   ] 12/40 packages, 2 failed, 1m20s
   1m15s  path TestWithALongName/日...
    2.5s  example.com/m/a TestX/sub
    0.0s  example.com/m/b`},
		{"lower", state(), style, 40, 4, `
[=>   ] 12/40 packages, 2 failed, 1m20s
   1m15s  path TestWithALongName/日...
          and 2 more`},
		{"a line besides the bar", state(), style, 40, 3, "\n[=>   ] 12/40 packages, 2 failed, 1m20s"},
		{"one line", state(), style, 40, 2, "\n[=>   ] 12/40 packages, 2 failed, 1m20s"},
		{"no line to spare", state(), style, 40, 1, ""},
		{"--live=1", state(), Style{Tests: 1}, 40, 24, `
[=>   ] 12/40 packages, 2 failed, 1m20s
   1m15s  path TestWithALongName/日...
          and 2 more`},
		{"--live=0", state(), Style{}, 40, 24, "\n[=>   ] 12/40 packages, 2 failed, 1m20s"},
		{"before anything runs", State{Idle: "building", Elapsed: 1500 * time.Millisecond}, style, 80, 24, "\n0 packages, building, 1s"},
		{"the total is known by then", State{Idle: "building", Total: 3, Elapsed: time.Second}, style, 40, 24, "\n[>         ] 0/3 packages, building, 1s"},
		{"the end", State{Progress: result.Progress{Ended: 3}, Total: 3, Idle: "building", Elapsed: time.Second}, style, 40, 24, "\n[====================] 3/3 packages, 1s"},
		{"more than the total", State{Progress: result.Progress{Ended: 3}, Idle: "building", Total: 2}, style, 40, 24, "\n3 packages, building, 0s"},
		{"one", State{Progress: result.Progress{Ended: 1}, Idle: "building"}, style, 40, 24, "\n1 package, building, 0s"},
		{"a rerun", with(func(s *State) { s.Rerun, s.Running, s.Left = 2, nil, 0 }), style, 80, 24,
			"\nrerun 2: 12/40 packages, 341 passed, 2 failed, 3 skipped, building, 1m20s"},
		{"the tests were asked to end", with(func(s *State) { s.Ending, s.Running, s.Left = true, nil, 0 }), style, 80, 24,
			"\n[====>         ] 12/40 packages, 341 passed, 2 failed, 3 skipped, ending, 1m20s"},
		{"names that would do something", State{Running: []result.Running{{Package: "p", Test: "\x1b[2J\a\xff\u202e", Started: now}}, Now: now}, style, 40, 24, `
0 packages, 0s
    0.0s  p ?[2J???`},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := c.state.Lines(c.style, c.width, c.height)
			if got := strings.Join(append([]string{""}, lines...), "\n"); got != c.want {
				t.Errorf("%s\nwant%s", got, c.want)
			}
			for _, l := range lines {
				if ansi.StringWidth(l) >= c.width || ansi.StringWidthWc(l) >= c.width {
					t.Errorf("%q is too wide", l)
				}
			}
			if n := len(lines); n > 0 && n >= c.height {
				t.Errorf("%d lines", n)
			}
		})
	}
}

// Colour changes nothing but colour, and says how each is.
func TestColor(t *testing.T) {
	s := state()
	s.Running[2].Failed = true
	s.SlowAfter = time.Minute
	for _, width := range []int{40, 80, 200} {
		plain := s.Lines(Style{Tests: 8}, width, 24)
		colored := s.Lines(Style{Tests: 8, Color: true}, width, 24)
		for i := range plain {
			if got := ansi.Strip(colored[i]); got != plain[i] {
				t.Errorf("%q without colour, want %q", got, plain[i])
			}
		}
		for i, want := range []string{"\x1b[31m2 failed\x1b[m", "\x1b[33m   1m15s", "\x1b[31m    2.5s", "    0.0s  "} {
			if !strings.Contains(colored[i], want) || want[0] == ' ' && strings.Contains(colored[i], "\x1b") {
				t.Errorf("%q has no %q", colored[i], want)
			}
		}
	}
}

func TestShowsProgress(t *testing.T) {
	for _, c := range []struct {
		env  string
		want bool
	}{
		{"TERM=xterm-256color", false},
		{"TERM=xterm-256color WT_SESSION=x", true},
		{"ConEmuANSI=ON", true},
		{"ConEmuANSI=OFF", false},
		{"TERM_PROGRAM=ghostty", true},
		{"TERM_PROGRAM=WezTerm", true},
		{"TERM_PROGRAM=iTerm.app TERM_PROGRAM_VERSION=3.6.6", true},
		{"TERM_PROGRAM=iTerm.app TERM_PROGRAM_VERSION=3.10.0", true},
		{"TERM_PROGRAM=iTerm.app TERM_PROGRAM_VERSION=3.5.14", false},
		{"TERM_PROGRAM=iTerm.app", false},
		{"TERM_PROGRAM=Apple_Terminal", false},
		{"TERM_PROGRAM=ghostty TMUX=/tmp/tmux-0/default,1,0", false},
		{"TERM_PROGRAM=ghostty TERM=screen-256color", false},
		{"WT_SESSION=x TERM=tmux-256color", false},
		{"WT_SESSION=x STY=1.pts", false},
	} {
		env := make(map[string]string)
		for _, setting := range strings.Fields(c.env) {
			name, value, _ := strings.Cut(setting, "=")
			env[name] = value
		}
		if got := ShowsProgress(func(name string) string { return env[name] }); got != c.want {
			t.Errorf("%s: %v", c.env, got)
		}
	}
}
