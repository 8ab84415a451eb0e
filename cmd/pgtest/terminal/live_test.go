//go:build linux

package terminal_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/signals/ptytest"
)

// The live line says what runs, leaves for a shell's prompt and comes back, and is
// gone in the end.
func TestLiveLine(t *testing.T) {
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			j := startOnTerminal(t, w, "./plain ./careful")
			j.awaitTests("plain", "careful")
			j.Expect(`s, 0 packages done, 2 running: [^\r\n]*(\./)?plain TestPlain/sub \d`)

			j.Type(ptytest.CtrlZ)
			j.AwaitPrompt()
			checkErased(t, j.Screen())
			j.Enter("fg")
			j.Expect(`s, 0 packages done, 2 running: `)

			j.Signal(j.One(run), unix.SIGUSR1)
			j.Expect(`\r\x1b\[Kpgtest: running: example.com/m/`)
			j.Expect(`s, 0 packages done, 2 running: `)

			j.Type(ptytest.CtrlC)
			j.Expect(`DONE \d+ tests`)
			j.AwaitPrompt()
			// What fg says is each shell's own affair.
			if status := j.Statuses(); w.shell == "bash" && status != "130" {
				t.Errorf("status %s, want 130", status)
			}
			checkErased(t, j.Screen())
			j.checkOver()
		})
	}
}

// Nothing that goes on without a line's end has a live line in it.
func TestNoLiveLineInDots(t *testing.T) {
	j := startOnTerminal(t, ways[0], "--format=dots ./plain")
	j.awaitTests("plain")
	last := time.Time{}
	j.Until("the test to have run for longer than a line takes to come", func() bool {
		if time.Since(last) > 200*time.Millisecond {
			j.Signal(j.One(run), unix.SIGUSR1)
			last = time.Now()
		}
		return regexp.MustCompile(`plain TestPlain/sub \(([2-9]|\d\d+)\.\d+s`).MatchString(j.Screen())
	})
	j.Type(ptytest.CtrlC)
	j.Expect(`DONE \d+ tests`)
	j.AwaitPrompt()
	if strings.Contains(j.Screen(), "packages done") {
		t.Errorf("a live line:\n%q", j.Screen())
	}
	j.checkEnd()
}

var liveLine = regexp.MustCompile(`\d+s, \d packages? done[^\r\n]*`)

// checkErased checks that what comes behind each live line removes it.
func checkErased(t *testing.T, screen string) {
	t.Helper()
	for _, at := range liveLine.FindAllStringIndex(screen, -1) {
		if !strings.HasPrefix(screen[at[1]:], "\r\x1b[K") {
			t.Errorf("%q stays:\n%q", screen[at[0]:at[1]], screen)
		}
	}
}
