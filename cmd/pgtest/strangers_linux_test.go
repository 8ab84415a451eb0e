package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pgtest/harness/harnesstest"
	"pgtest/signals/procfs"
)

// TestStrangers kills a supervisor or go in a run that has inherited children
// through exec. Neither they nor what they leave behind, before or during the
// run, is pgtest's: all of them live afterwards. What the supervisor left does
// not.
func TestStrangers(t *testing.T) {
	for victim, kill := range map[string]string{
		"supervisor": "syscall.Kill(os.Getppid(), syscall.SIGKILL)",
		"go":         "syscall.Kill(parentOf(os.Getppid()), syscall.SIGKILL)",
		"both":       "pid := parentOf(os.Getppid()); syscall.Kill(os.Getppid(), syscall.SIGKILL); syscall.Kill(pid, syscall.SIGKILL)",
	} {
		t.Run(victim, func(t *testing.T) { strangersTrial(t, kill) })
	}
}

func strangersTrial(t *testing.T, kill string) {
	dir := writeModule(t, map[string]string{"strangers_test.go": `package strangers

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func parentOf(pid int) int {
	stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	parent, _ := strconv.Atoi(fields[1])
	return parent
}

func TestKill(t *testing.T) {
	daemon := exec.Command("sleep", "3600")
	daemon.Env = append(os.Environ(), os.Getenv("OURS"))
	daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("runs", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat("orphan"); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	` + kill + `
	select {}
}
`})
	mark, ours := harnesstest.Mark(t.Name()), harnesstest.Mark(t.Name()+"-ours")
	ours = strings.Replace(ours, "PGTEST_TEST_MARK", "PGTEST_TEST_OURS", 1)
	// The child makes a process and ends while the test runs: whoever is made the
	// parent of orphans gets it.
	script := `cd "$0"
(sh -c 'until [ -e runs ]; do sleep 0.01; done; sleep 3600 >&- 2>&- & echo $! > pid; mv pid orphan') &
sleep 3600 >&- 2>&- & echo $! > child
exec "$1" -count=1 .`
	run := exec.Command("sh", "-c", script, dir, pgtestPath)
	run.Env = append(os.Environ(), mark, "OURS="+ours)
	endMarked(t, mark) // the strangers are of the mark, too
	out, err := run.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "DONE ") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, name := range []string{"child", "orphan"} {
		text, _ := os.ReadFile(filepath.Join(dir, name))
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		if !procfs.StatOf(pid).Alive() {
			t.Errorf("the %s, %d, was killed\n%s", name, pid, out)
		}
	}
	awaitGone(t, ours, func() string { return string(out) })
}
