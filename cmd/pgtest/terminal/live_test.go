//go:build linux

package terminal_test

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"golang.org/x/sys/unix"

	"pgtest/signals/ptytest"
)

// shown is what a user sees on the terminal: lines without spaces at their ends.
func (j *job) shown() string {
	emulator := vt.NewEmulator(200, 24)
	answers := make(chan struct{})
	go func() {
		defer close(answers)
		io.Copy(io.Discard, emulator)
	}()
	emulator.WriteString(j.Screen())
	text := emulator.String()
	emulator.InputPipe().(io.Closer).Close() // Close is not for two goroutines
	<-answers
	return regexp.MustCompile(` +(\n|$)`).ReplaceAllString(text, "$1")
}

// sees waits until the user sees something that matches.
func (j *job) sees(pattern string) {
	j.t.Helper()
	re := regexp.MustCompile(pattern)
	for start := time.Now(); !re.MatchString(j.shown()); time.Sleep(20 * time.Millisecond) {
		if time.Since(start) > ptytest.Limit {
			j.t.Fatalf("no %q on the screen:\n%s\nprocesses:\n%s", pattern, j.shown(), ptytest.List(j.Processes()))
		}
	}
}

// seesNoLive checks that nothing is left of the live lines.
func (j *job) seesNoLive() {
	j.t.Helper()
	if screen := j.shown(); regexp.MustCompile(`(?m)\d packages|^ +\S+s  \S+ Test`).MatchString(screen) {
		j.t.Errorf("live lines stay:\n%s", screen)
	}
}

// liveLines are those of two tests. On a busy machine the number of packages may
// come late.
const liveLines = `(\[> +\] 0/2|0) packages, 1 passed, \S+s\n +\S+s  \S+ Test\S+\n +\S+s  \S+ Test\S+(\n|$)`

// The live lines say what runs, leave for a shell's prompt and come back, and are
// gone in the end.
func TestLiveLines(t *testing.T) {
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			j := startOnTerminal(t, w, "./plain ./careful")
			j.awaitTests("plain", "careful")
			j.sees(liveLines)

			j.Type(ptytest.CtrlZ)
			j.AwaitPrompt()
			j.seesNoLive()
			j.Enter("fg")
			j.sees(liveLines)

			j.Signal(j.One(run), unix.SIGUSR1)
			j.sees(`pgtest: running: example.com/m/plain TestPlain \(\d+\.\d\ds\)\n    plain runs\n(.*\n)*` + liveLines)

			j.Type(ptytest.CtrlC)
			j.Expect(`DONE \d+ tests`)
			j.AwaitPrompt()
			// What fg says is each shell's own affair.
			if status := j.Statuses(); w.shell == "bash" && status != "130" {
				t.Errorf("status %s, want 130", status)
			}
			j.seesNoLive()
			j.checkOver()
		})
	}
}

// A package that waits for its place has a line that says so, and Ctrl-C ends it, not
// the end of the grace.
func TestLiveWaiting(t *testing.T) {
	j := startLine(t, ways[0], []string{"TERM=xterm"}, "--serial --grace=10m ./plain ./careful", "")
	j.sees(`(?m)^ +\S+s  (plain|careful) waits for a place$`)
	j.Signal(j.One(run), unix.SIGUSR1)
	j.sees(`pgtest: running: example.com/m/(plain|careful) \(\d+\.\d\ds, waits for a place\)\n`)
	j.Type(ptytest.CtrlC)
	j.Expect(`DONE \d+ tests`)
	j.AwaitPrompt()
	j.seesNoLive()
}

// With the output in a file the lines are on standard error, and in no file.
func TestLiveLinesBesideFile(t *testing.T) {
	j := startLine(t, ways[0], []string{"TERM=xterm"}, "./plain ./careful", ">log")
	j.awaitTests("plain", "careful")
	j.sees(liveLines)
	j.Type(ptytest.CtrlC)
	j.AwaitPrompt()
	j.seesNoLive()
	j.checkLog()
	if strings.ContainsAny(j.read("log"), "\x1b\r") {
		t.Errorf("control bytes in a file:\n%q", j.read("log"))
	}
	j.checkOver()
}

// What runs into a pipe has neither lines nor keys on the terminal: its reader
// may write there, or a pager read keys.
func TestNoLiveLinesBesidePipe(t *testing.T) {
	for name, rest := range map[string]string{"tee": "| tee log", "cat": "2>&1 | cat >log", "errors": "2> >(cat >log)"} {
		t.Run(name, func(t *testing.T) {
			j := startLine(t, ways[0], []string{"TERM=xterm"}, "--format=testname ./plain ./careful", rest)
			j.awaitTests("plain", "careful")
			j.awaitHeld()
			j.runLonger()
			if !j.Echoes() {
				t.Error("keys are read")
			}
			j.Type(ptytest.CtrlC)
			j.AwaitPrompt()
			if strings.Contains(rest, "|") {
				j.checkLog()
				j.seesNoLive()
			}
			if strings.ContainsAny(j.read("log"), "\x1b\r") {
				t.Errorf("control bytes in a pipe:\n%q", j.read("log"))
			}
			j.checkEnd()
		})
	}
}

// runLonger waits until the test has run for longer than live lines take to come.
func (j *job) runLonger() {
	j.t.Helper()
	last := time.Time{}
	j.Until("the test to have run for a while", func() bool {
		if time.Since(last) > 200*time.Millisecond {
			j.Signal(j.One(run), unix.SIGUSR1)
			last = time.Now()
		}
		return regexp.MustCompile(`plain TestPlain/sub \(([2-9]|\d\d+)\.\d+s`).MatchString(j.Screen() + j.read("log"))
	})
}

// Nothing that goes on without a line's end has live lines in it, nor has a
// terminal that can't move its cursor.
func TestNoLiveLines(t *testing.T) {
	for _, c := range []struct{ name, env, args string }{
		{"dots", "TERM=xterm", "--format=dots"},
		{"dumb", "TERM=dumb", ""},
		{"off", "TERM=xterm", "--progress=off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := startLine(t, ways[0], []string{c.env}, c.args+" ./plain", "")
			j.awaitTests("plain")
			j.runLonger()
			j.Type(ptytest.CtrlC)
			j.Expect(`DONE \d+ tests`)
			j.AwaitPrompt()
			if regexp.MustCompile(`\d packages`).MatchString(j.Screen()) {
				t.Errorf("live lines:\n%q", j.Screen())
			}
			j.checkEnd()
		})
	}
}

// A terminal that shows progress outside its text is told of it, and of the end,
// whatever ends the run. Without colours there are none.
func TestProgress(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*job)
	}{
		{"Ctrl-C", func(j *job) { j.Type(ptytest.CtrlC) }},
		{"Ctrl-Z", func(j *job) { j.Type(ptytest.CtrlZ) }},
		{"SIGKILL", func(j *job) { j.Signal(j.One(run), unix.SIGKILL) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := startLine(t, ways[0], []string{"TERM=xterm", "WT_SESSION=x", "NO_COLOR=1", "TMUX="}, "./plain ./careful", "")
			j.awaitTests("plain", "careful")
			j.Expect(`\x1b\]9;4;(3|1;0)\x1b\\`)
			if strings.Contains(j.Screen(), "[32m1 passed") {
				t.Error("colours")
			}
			c.end(j)
			j.Until("the progress to be taken back", func() bool { return strings.Contains(j.Screen(), "\x1b]9;4;0\x1b\\") })
			j.AwaitPrompt()
		})
	}
}

// awaitKeys waits until keys are read.
func (j *job) awaitKeys() {
	j.t.Helper()
	j.Until("keys to be read", func() bool { return !j.Echoes() && j.Foreground() == j.One(run).Group })
}

// Keys tell what runs and what has failed, and the terminal is afterwards as it
// was, also while the job is stopped.
func TestKeys(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			j := startLine(t, w, []string{"TERM=xterm"}, "./plain ./careful ./leaks", "")
			j.awaitTests("plain", "careful")
			j.awaitKeys()
			j.Type("?")
			j.sees(`pgtest: t: what runs`)
			j.awaitKeys()
			j.Type("t")
			j.sees(`pgtest: running: example.com/m/careful TestCareful \(\d+\.\d\ds\)\n`)
			j.Type("\r")
			j.sees(`\n\n(\[|\d packages)`)
			if w.interactive() {
				j.Type(ptytest.CtrlZ)
				j.AwaitPrompt()
				j.seesNoLive()
				j.CheckTerminal()
				j.Enter("fg")
				j.awaitKeys()
			}
			j.Type("f")
			j.sees(`pgtest: (nothing has failed so far|failed: )`)
			j.Type(ptytest.CtrlC)
			j.Expect(`DONE \d+ tests`)
			j.AwaitPrompt()
			j.CheckTerminal()
			j.checkEnd()
		})
	}
}

// What is typed ahead is shown, and is the shell's, as with go test; from then on
// there are no keys.
func TestTypedAhead(t *testing.T) {
	for _, w := range ways[:2] {
		t.Run(w.name, func(t *testing.T) {
			j := startLine(t, w, []string{"TERM=xterm"}, "./plain ./careful", "")
			j.awaitTests("plain", "careful")
			j.awaitKeys()
			j.Type("t")
			j.sees(`pgtest: running: `)
			j.Type("tr a-z A-Z <<<typed\rf")
			j.Until("the terminal to show what is typed", j.Echoes)
			j.Type("alse\r")
			j.Signal(j.One(run), unix.SIGTERM)
			j.Expect(`DONE \d+ tests`)
			j.Expect(`(?s)TYPED\r\n.*` + ptytest.Prompt + `.*` + ptytest.Prompt)
			j.checkStatuses("1")
			j.CheckTerminal()
			j.checkEnd()
		})
	}
}

// A run that is killed leaves the terminal to the next command as it was.
func TestKeysKilled(t *testing.T) {
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			j := startLine(t, w, []string{"TERM=xterm"}, "./plain ./careful", "")
			j.awaitTests("plain", "careful")
			j.awaitKeys()
			j.sees(liveLines)
			j.Signal(j.One(run), unix.SIGKILL)
			j.Gone("__watchdog") // which gives the modes back
			j.AwaitPrompt()
			j.CheckTerminal()
			j.checkEnd()
		})
	}
}

// A job in the background is never stopped for its keys, and has them when fg
// brings it back.
func TestKeysBackground(t *testing.T) {
	for _, w := range slices.DeleteFunc(slices.Clone(shellWays), func(w way) bool { return w.shell == "fish" }) {
		t.Run(w.name, func(t *testing.T) {
			j := startLine(t, w, []string{"TERM=xterm"}, "./plain ./careful", "&")
			j.awaitTests("plain", "careful")
			j.runLonger()
			j.awaitStates(false, run)
			j.Enter("")
			j.AwaitPrompt()
			j.CheckTerminal()
			j.Enter("fg")
			j.awaitKeys()
			j.Type("t")
			j.sees(`TestCareful \(\d+\.\d\ds\)\n(.*\n)*` + liveLines)
			j.Type(ptytest.CtrlC)
			j.Expect(`DONE \d+ tests`)
			j.AwaitPrompt()
			j.CheckTerminal()
			j.checkEnd()
		})
	}
}

// There are no keys where they are not wanted, or something else is piped in.
func TestNoKeys(t *testing.T) {
	for _, c := range []struct{ name, args, rest string }{
		{"off", "--keys=off", ""},
		{"left alone", "--tty=off", ""},
		{"piped in", "", "</dev/null"},
		{"the terminal is the tests'", "--tty=tests", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := startLine(t, ways[0], []string{"TERM=xterm"}, c.args+" ./plain", c.rest)
			j.awaitTests("plain")
			j.runLonger()
			if !j.Echoes() {
				t.Error("keys are read")
			}
			j.Type(ptytest.CtrlC)
			j.Expect(`DONE \d+ tests`)
			j.AwaitPrompt()
			j.CheckTerminal()
			j.checkEnd()
		})
	}
}
