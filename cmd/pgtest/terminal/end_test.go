//go:build linux

package terminal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pgtest/signals/ptytest"
)

// The terminal is closed: the shell passes SIGHUP on to the whole job, so what tee
// gets is its own affair. The reports are whole, and a test that cleans up has the
// time to, though the run is told more than once.
func TestHangUp(t *testing.T) {
	for _, w := range ways {
		for _, reader := range readers {
			t.Run(w.name+"/"+reader.name, func(t *testing.T) {
				j := start(t, w, nil, "./plain ./careful", reader.command)
				j.awaitTests("plain", "careful")
				j.awaitHeld()
				j.HangUp()
				j.checkJUnit("TestPlain/sub", "SIGHUP")
				if !strings.Contains(j.read("junit.xml"), cleanedUp+" hangup") {
					t.Errorf("the careful test did not clean up:\n%s", j.read("junit.xml"))
				}
				j.checkEnd()
			})
		}
	}
}

// Without a shell that passes SIGHUP on, tee has everything.
func TestHangUpScript(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, sub := range []string{"tmp", "ready"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script := pgtestPath + " -C " + modulePath + " -count=1 -vet=off --junitfile " + dir + "/junit.xml ./plain ./careful 2>&1 | tee log\n"
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	env := append(keepCaches(), "TMPDIR="+dir+"/tmp", "READY="+dir+"/ready", "GOFLAGS=-buildvcs=false", "GOENV=off", "CI=")
	j := &job{t: t, dir: dir, Interactive: &ptytest.Interactive{Terminal: ptytest.Open(t, dir, env, "dash", "script")}}
	j.awaitTests("plain", "careful")
	j.awaitHeld()
	j.HangUp()
	j.checkEnd()
	j.checkLog(cleanedUp+" hangup", "pgtest: hangup: the tests have 10s to end; a second signal kills them at once")
	j.checkJUnit("TestPlain/sub", "SIGHUP")
}

// A killed run leaves the terminal to its shell, and nothing behind.
func TestRunKilled(t *testing.T) {
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			j := start(t, w, nil, "./plain ./careful", "tee log")
			j.awaitTests("plain", "careful")
			j.awaitHeld()
			j.Signal(j.One(run), unix.SIGKILL)
			j.AwaitPrompt()
			j.checkStatuses("137 0")
			j.checkOver()
		})
	}
}

// The keeper is killed: the run goes on with the job in the foreground.
func TestKeeperKilled(t *testing.T) {
	j := start(t, ways[0], nil, "./plain ./careful", "tee log")
	j.awaitTests("plain", "careful")
	j.awaitHeld()
	j.Signal(j.One("__keeper"), unix.SIGKILL)
	j.awaitGivenBack()
	j.Signal(j.One(run), unix.SIGTERM)
	j.AwaitPrompt()
	j.checkStatuses("143 0")
	j.checkLog(cleanedUp + " terminated")
	j.checkOver()
}

// SIGUSR1 tells what is running and what it has printed, and nothing ends.
func TestReport(t *testing.T) {
	j := start(t, ways[0], nil, "./plain ./careful", "tee log")
	j.awaitTests("plain", "careful")
	j.awaitHeld()
	pid := j.One(`^/\S*/plain\.test `).Pid
	// The event of the subtest's start may still be on its way.
	report := regexp.MustCompile(`pgtest: running: example\.com/m/plain \(\d+\.\d\ds, pid ` + strconv.Itoa(pid) + `\)\r\n` +
		`pgtest: running: example\.com/m/plain TestPlain \(\d+\.\d\ds\)\r\n    plain runs\r\n` +
		`pgtest: running: example\.com/m/plain TestPlain/sub \(\d+\.\d\ds\)\r\n`)
	j.Until("the report", func() bool {
		j.Signal(j.One(run), unix.SIGUSR1)
		return report.MatchString(j.Screen())
	})
	j.Type(ptytest.CtrlC)
	j.AwaitPrompt()
	j.checkLog(cleanedUp + " interrupt")
	j.checkEnd()
}

// A test that does not care is killed after the grace.
func TestGrace(t *testing.T) {
	j := start(t, ways[0], []string{"STUBBORN=1", "PGTEST_GRACE=300ms"}, "./plain ./careful", "tee log")
	j.awaitTests("plain", "careful")
	j.awaitHeld()
	j.Type(ptytest.CtrlC)
	j.AwaitPrompt()
	j.checkStatuses("130 0")
	j.checkLog("the tests have 300ms to end", "killing the tests that did not end in 300ms", "does not care for interrupt")
	j.checkJUnit("TestPlain/sub", "SIGINT")
	j.checkEnd()
}

// Where the output does not go into a pipe, or the user says so, the terminal is
// left alone, and the plain signals do the same work.
func TestNoHandOver(t *testing.T) {
	cat := `sh -c 'trap "" INT; exec cat >log'`
	tests := []struct {
		name, args, reader string
		env                []string
		log                bool
	}{
		{name: "off", args: "--tty=off ./plain ./careful", reader: cat, log: true},
		{name: "off by the environment", env: []string{"PGTEST_TTY=off"}, args: "./plain ./careful", reader: cat, log: true},
		{name: "file", args: "./plain ./careful >log 2>&1", reader: "true", log: true},
		{name: "terminal", args: "./plain ./careful >/dev/tty 2>&1", reader: "true"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			j := start(t, ways[0], test.env, test.args, test.reader)
			j.awaitTests("plain", "careful")
			if keepers := j.Find("__keeper"); len(keepers) > 0 {
				t.Errorf("keepers %v", keepers)
			}
			if j.Foreground() != j.One(run).Group {
				t.Error("the job is not in the foreground")
			}
			j.Type(ptytest.CtrlC)
			j.AwaitPrompt()
			j.checkStatuses("130 0")
			if test.log {
				j.checkLog(cleanedUp + " interrupt")
			} else if !regexp.MustCompile(`=== .*Interrupted(?s:.*)DONE`).MatchString(j.Screen()) {
				t.Error("no summary on the terminal")
			}
			j.checkJUnit("TestPlain/sub", "SIGINT")
			j.checkOver()
		})
	}
}
