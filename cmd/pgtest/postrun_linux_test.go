package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

const forever = "while :; do sleep 0.01; done"

// hook starts pgtest in a terminal with a post-run command: a shell script that
// runs in dir, sets traps, and has a child. It returns when the script has made
// the file ready, with the ids of the two.
func hook(t *testing.T, dir, traps, script string) (cmd *exec.Cmd, terminal *os.File, pids []int) {
	t.Helper()
	script = traps + "\nsleep 1000 &\necho $$ $! >pids; mv pids ready\n" + script
	if err := os.WriteFile(filepath.Join(dir, "hook.sh"), []byte(script), 0o666); err != nil {
		t.Fatal(err)
	}
	event := `{"Action":"pass","Package":"example.com/m"}`
	cmd = exec.Command(pgtestPath, "--post-run-command=sh hook.sh", "--raw-command", "--", "echo", event)
	cmd.Dir = dir
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	var text []byte
	until(t, "the post-run command", func() bool {
		text, err = os.ReadFile(filepath.Join(dir, "ready"))
		return err == nil
	})
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	end := func() {
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		cmd.Process.Kill()
	}
	limit := time.AfterFunc(patience, end)
	t.Cleanup(func() {
		if limit.Stop() && !gone(pids) {
			end()
		}
	})
	return cmd, terminal, pids
}

func gone(pids []int) bool {
	for _, pid := range pids {
		if !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return false
		}
	}
	return true
}

// TestPostRunInterrupted types Ctrl-C while the command runs: once for one that
// ends, twice for one that does not.
func TestPostRunInterrupted(t *testing.T) {
	for name, trap := range map[string]string{"heeds": "trap 'echo heard; exit' INT", "dies": "", "ignores": "trap '' INT"} {
		t.Run(name, func(t *testing.T) {
			cmd, terminal, pids := hook(t, t.TempDir(), trap, forever)
			var screen bytes.Buffer
			chunk := make([]byte, 1<<10)
			typed := 0
			for {
				if typed == 0 || typed == 1 && name == "ignores" && strings.Contains(screen.String(), "a second signal ends it") {
					terminal.Write([]byte{3})
					typed++
				}
				n, err := terminal.Read(chunk)
				screen.Write(chunk[:n])
				if err != nil {
					break
				}
			}
			cmd.Wait()
			status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || status.Signal() != syscall.SIGINT {
				t.Errorf("pgtest: %v, want interrupt", cmd.ProcessState)
			}
			if heard := strings.Contains(screen.String(), "heard"); heard != (name == "heeds") {
				t.Errorf("the command heard the signal: %t\n%s", heard, &screen)
			}
			if !strings.Contains(screen.String(), "the post-run command has 10s to end") {
				t.Errorf("not said: %s", &screen)
			}
			if !gone(pids) {
				t.Errorf("a process is left: %v", pids)
			}
		})
	}
}

// TestPostRunKilled kills pgtest while the command runs, which goes, too.
func TestPostRunKilled(t *testing.T) {
	cmd, terminal, pids := hook(t, t.TempDir(), "trap '' INT", forever)
	go io.Copy(io.Discard, terminal)
	cmd.Process.Kill()
	cmd.Wait()
	until(t, "the end of the command", func() bool { return gone(pids) })
}

// TestPostRunLeaves lets the command end before its child, which ends as well.
// The terminal is not the command's: it would be stopped when it reads from it.
func TestPostRunLeaves(t *testing.T) {
	cmd, terminal, pids := hook(t, t.TempDir(), "", "(: </dev/tty) || echo no terminal\n")
	var screen bytes.Buffer
	io.Copy(&screen, terminal)
	if err := cmd.Wait(); err != nil || !gone(pids) || !strings.Contains(screen.String(), "no terminal") {
		t.Errorf("%v, processes are gone: %t\n%s", err, gone(pids), &screen)
	}
}
