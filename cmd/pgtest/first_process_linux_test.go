package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgtest/harness/harnesstest"
)

// TestFirstProcess runs pgtest as the first process of a pid namespace, as in a
// container. A process that it did not start falls to it, and must be reaped:
// the module's test waits for that.
func TestFirstProcess(t *testing.T) {
	unshare := []string{"unshare", "--map-root-user", "--pid", "--fork", "--mount-proc"}
	if out, err := exec.Command(unshare[0], append(unshare[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("no pid namespace can be made: %v: %s", err, out)
	}
	dir := writeModule(t, map[string]string{"first_test.go": `package first

import (
	"bytes"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

func TestReaped(t *testing.T) {
	pid, err := os.ReadFile(os.Getenv("STRANGER"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("fifo", nil, 0); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat("/proc/" + string(bytes.TrimSpace(pid))); err != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
}

func TestLeak(t *testing.T) {
	daemon := exec.Command("sleep", "3600")
	daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
}
`})
	if out, err := exec.Command("mkfifo", filepath.Join(dir, "fifo")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	mark := harnesstest.Mark(t.Name())
	// The stranger ends when the test opens the fifo.
	script := `cat "$0"/fifo & echo $! > "$0"/stranger; exec "$1" -C "$0" -count=1 .`
	run := exec.Command(unshare[0], append(unshare[1:], "sh", "-c", script, dir, pgtestPath)...)
	// Where an ordinary user is mapped to root, / is another user's. The link cache
	// is off then, and pgtest notes in TMPDIR that it has said so.
	run.Env = append(os.Environ(), mark, "STRANGER="+filepath.Join(dir, "stranger"), "TMPDIR="+t.TempDir())
	out, err := run.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "=== LEAK: example.com/m") || !strings.Contains(string(out), "DONE 2 tests in") {
		t.Errorf("output:\n%s", out)
	}
	if alive := harnesstest.Survivors(mark); len(alive) > 0 {
		t.Errorf("survivors: %v", alive)
	}
}
