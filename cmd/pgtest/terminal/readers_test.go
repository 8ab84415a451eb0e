//go:build linux

package terminal_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/harness/harnesstest"
	"pgtest/signals/ptytest"
)

// awaitGivenBack waits until the job has the terminal, for good.
func (j *job) awaitGivenBack() {
	j.t.Helper()
	j.Gone("__keeper")
	j.Until("the job to have the terminal", func() bool {
		runs := j.Find(run)
		return len(runs) == 1 && j.Foreground() == runs[0].Group
	})
}

// awaitPage waits until less shows a whole page that ends beyond a line, and waits
// for keys. While it waits for output it must not get a signal: what it reads at
// that moment it loses, whoever wrote it, as its handler jumps out of the read.
func (j *job) awaitPage(line string) {
	j.t.Helper()
	j.Expect(line + "\r\n")
	j.Expect(":")
}

// less scrolls while tests run, survives Ctrl-Z, and ends the run when it quits,
// although the tests say nothing by then.
func TestPager(t *testing.T) {
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			harnesstest.Need(t, "less")
			j := start(t, w, []string{"TALK=200"}, "-v ./talks", "less")
			j.Expect("line 10\r\n")
			j.awaitTests("talks")
			j.Type(" ")
			j.awaitPage("line 40")
			j.awaitGivenBack()

			j.Type(ptytest.CtrlZ)
			j.AwaitPrompt()
			for _, pattern := range []string{run, "^less", `^/\S*/talks\.test `} {
				j.Until(pattern+" to be stopped", func() bool { return j.One(pattern).State == 'T' })
			}
			j.Enter("fg")
			j.awaitGivenBack()
			j.Until("the test to run", func() bool { return j.One(`^/\S*/talks\.test `).State != 'T' })
			j.Until("less to have the terminal in its mode", func() bool { return !j.Echoes() })
			j.Type("100g")
			j.Expect("line 110\r\n")

			j.Type("q")
			j.AwaitPrompt()
			// What fg says of a pipeline's members is each shell's own affair.
			if status := j.Statuses(); w.shell == "bash" && status != "141" {
				t.Errorf("status %s, want 141", status)
			}
			j.checkJUnit("TestTalks", "output closed")
			j.checkOver()
		})
	}
}

// Ctrl-C under less reaches both; less shows what came before until it is quit.
func TestPagerInterrupted(t *testing.T) {
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			harnesstest.Need(t, "less")
			j := start(t, w, []string{"TALK=200"}, "-v ./talks", "less")
			j.Expect("line 10\r\n")
			j.awaitTests("talks")
			j.Type(" ")
			j.awaitPage("line 40")
			j.awaitGivenBack()
			j.Type(ptytest.CtrlC)
			j.Gone(run)
			// less drops what is typed while it takes the signal.
			last := time.Time{}
			j.Until("less to show the end", func() bool {
				if time.Since(last) > 200*time.Millisecond {
					j.Type("G")
					last = time.Now()
				}
				return strings.Contains(j.Screen(), "DONE 1 tests, 1 interrupted")
			})
			j.Type("q")
			j.AwaitPrompt()
			j.checkStatuses("130 0")
			j.checkJUnit("TestTalks", "SIGINT")
			j.checkOver()
		})
	}
}

// A reader that asks for a password on the terminal, as sudo does, gets it.
func TestAsker(t *testing.T) {
	const asker = `sh -c 'exec 9<>/dev/tty; stty -echo <&9; printf "Pass""word: " >&9; read p <&9; stty echo <&9; echo "got $p" >asked; exec cat >log'`
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			j := start(t, w, nil, "./plain ./careful", asker)
			j.Expect("Password: ")
			j.Until("the terminal not to echo", func() bool { return !j.Echoes() })
			j.awaitTests("plain", "careful")
			j.Type("secret\n")
			j.Until("the answer", func() bool { return j.read("asked") == "got secret\n" })
			if strings.Contains(j.Screen(), "secret") {
				t.Error("the terminal showed the password")
			}
			j.One("^cat$")
			j.Signal(j.One(run), unix.SIGTERM)
			j.AwaitPrompt()
			j.checkStatuses("143 0")
			j.checkLog(cleanedUp + " terminated")
			j.checkOver()
		})
	}
}

// A reader that loses the SIGTSTP of Ctrl-Z, as less does if that comes while the
// run continues it, stops with the others, and the shell has its prompt.
func TestStopIsLost(t *testing.T) {
	const reader = `bash -c 'trap "trap - TSTP; echo lost >lost" TSTP; until [ -e ready/careful ]; do sleep 0.01; done; read line </dev/tty; echo "$line" >taken; while read line; do echo "$line"; done >log'`
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			j := start(t, w, nil, "./plain ./careful", reader)
			j.awaitTests("plain", "careful")
			j.awaitGivenBack()
			j.Enter("line")
			j.Until("the reader to have the line", func() bool { return j.read("taken") == "line\n" })
			j.Type(ptytest.CtrlZ)
			j.AwaitPrompt()
			if j.read("lost") == "" {
				t.Error("the reader did not lose a signal")
			}
			j.Enter("fg")
			j.Until("the tests to run", func() bool { return j.One(`^/\S*/careful\.test `).State != 'T' })
			j.Signal(j.One(run), unix.SIGTERM)
			j.AwaitPrompt()
			j.checkLog(cleanedUp + " terminated")
			j.checkOver()
		})
	}
}

// A reader in a script that touches the terminal stops the script too. Where the
// shell takes notice, fg goes on; less has lost its mode by then and reads lines.
func TestPagerInScript(t *testing.T) {
	harnesstest.Need(t, "less")
	j := start(t, ways[3], []string{"TALK=200"}, "-v ./talks", "less")
	stops := 0
	resume := func() {
		if n := strings.Count(j.Screen(), "Stopped "); n > stops {
			stops = n
			j.Enter("fg")
		}
	}
	j.Until("the test to run", func() bool {
		resume()
		return canRead(filepath.Join(j.dir, "ready", "talks"))
	})
	last := time.Time{}
	j.Until("less to have quit and pgtest to have ended", func() bool {
		resume()
		if time.Since(last) > 200*time.Millisecond {
			j.Enter("q")
			last = time.Now()
		}
		return len(j.Find(run)) == 0
	})
	j.checkJUnit("TestTalks", "output closed")
	j.checkEnd()
}

// Nothing of that happens to a script that leaves the terminal alone.
func TestPagerInScriptWithoutKeeper(t *testing.T) {
	harnesstest.Need(t, "less")
	j := start(t, ways[3], []string{"TALK=200"}, "--tty=off -v ./talks", "less")
	j.awaitTests("talks")
	j.Expect("line 10\r\n")
	j.Type(" ")
	j.Expect("line 40\r\n")
	j.Type("q")
	j.AwaitPrompt()
	if strings.Contains(j.Screen(), "Stopped") {
		t.Error("the script was stopped")
	}
	j.checkJUnit("TestTalks", "output closed")
	j.checkOver()
}

// The next line of a shell must not find a script's reader at work.
func TestReaderFinishes(t *testing.T) {
	for _, w := range ways[3:] {
		t.Run(w.name, func(t *testing.T) {
			j := start(t, w, nil, "./plain ./careful", `sh -c 'cat >log; sleep 0.5; echo finished >finished'`)
			j.awaitTests("plain", "careful")
			j.awaitHeld()
			j.Type(ptytest.CtrlC)
			j.AwaitPrompt()
			if j.read("finished") == "" {
				t.Error("the reader had not finished")
			}
			j.checkLog(cleanedUp + " interrupt")
			j.checkEnd()
		})
	}
}

// A reader that has enough ends the tests, and pgtest as by SIGPIPE.
func TestHead(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			j := start(t, w, []string{"TALK=200"}, "-v ./talks", "head -3")
			j.AwaitPrompt()
			j.checkStatuses(w.both("141 0", "0"))
			j.checkNext(true)
			if strings.Contains(j.Screen(), "broken pipe") || strings.Contains(j.Screen(), "pgtest: ") {
				t.Error("pgtest complained")
			}
			j.checkJUnit("TestTalks", "output closed")
			j.checkOver()
		})
	}
}

// A reader that takes nothing can't keep pgtest: the reports are written and the
// output is given up.
func TestStuckReader(t *testing.T) {
	j := start(t, ways[0], []string{"TALK=300000"}, "-v ./talks", "sleep 1000")
	j.One(`^/\S*/talks\.test `)
	j.awaitHeld()
	j.Until("the pipe to be full", func() bool { return outputFull(j.One(run).Pid) })
	last := time.Time{}
	j.Until("pgtest to be gone", func() bool {
		if time.Since(last) > 200*time.Millisecond && len(j.Find(run)) > 0 {
			j.Type(ptytest.CtrlC)
			last = time.Now()
		}
		return len(j.Find(run)) == 0
	})
	j.checkJUnit("TestTalks", "SIGINT")
	// A Ctrl-C that came when pgtest had given the terminal back was the reader's.
	for _, reader := range j.Find("^sleep 1000") {
		unix.Kill(reader.Pid, unix.SIGKILL)
	}
	j.AwaitPrompt()
	if status := j.Statuses(); status != "130 137" && status != "130 130" {
		t.Errorf("statuses %s, want 130 and that of a killed reader", status)
	}
	j.checkOver()
}

// outputFull reports whether there is no room in the pipe that a process has for its
// standard output.
func outputFull(pid int) bool {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/fd/1", unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 0)
	return err == nil && n == 0
}

func canRead(path string) bool {
	_, err := os.ReadFile(path)
	return err == nil
}
