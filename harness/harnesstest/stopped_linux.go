package harnesstest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgtest/signals/procfs"
)

// Limit is how long a test waits for what must happen at all, on a busy
// machine.
const Limit = time.Minute

// Await waits for a condition.
func Await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(Limit); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", Limit, what)
		}
	}
}

// Start starts a child that ends with the test.
func Start(t testing.TB, attr *syscall.SysProcAttr, words ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(words[0], words[1:]...)
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

// StartStopped starts a child that is stopped and ends with the test. A signal
// that it is sent stays pending, so that Signalled tells of it.
func StartStopped(t testing.TB, attr *syscall.SysProcAttr) *exec.Cmd {
	t.Helper()
	cmd := Start(t, attr, "sleep", "1000")
	cmd.Process.Signal(syscall.SIGSTOP)
	AwaitState(t, cmd.Process.Pid, "T")
	return cmd
}

// AwaitState waits until a process is in a state: one of the letters of
// proc_pid_stat(5).
func AwaitState(t testing.TB, pid int, states string) {
	t.Helper()
	Await(t, fmt.Sprintf("state %s of process %d", states, pid), func() bool {
		state := statusOf(pid)["State"]
		return state != "" && strings.Contains(states, state[:1])
	})
}

// Signalled reports whether a process has a signal pending, or is dead.
func Signalled(pid int, sig syscall.Signal) bool {
	if !procfs.StatOf(pid).Alive() {
		return true
	}
	status := statusOf(pid)
	for _, pending := range []string{"SigPnd", "ShdPnd"} {
		set, err := strconv.ParseUint(status[pending], 16, 64)
		if err == nil && set&(1<<(sig-1)) != 0 {
			return true
		}
	}
	return false
}

// statusOf returns what /proc/<pid>/status says, which is nothing if there is
// no such process.
func statusOf(pid int) map[string]string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	status := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		status[name] = strings.TrimSpace(value)
	}
	return status
}
