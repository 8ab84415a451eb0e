package watchdog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgtest/harness/harnesstest"
	"pgtest/signals/procfs"
)

// TestCommandStaysUnreaped wants the dead to be reaped but the command: its id,
// and that of its group, must be nobody else's as long as it may be signalled.
func TestCommandStaysUnreaped(t *testing.T) {
	orphan := harnesstest.Start(t, nil, "true")
	command := harnesstest.Start(t, &syscall.SysProcAttr{Setpgid: true}, "sleep", "1000")
	var reports bytes.Buffer
	w := &watch{reports: json.NewEncoder(&reports), state: running, pid: command.Process.Pid, leads: true}
	harnesstest.Await(t, "the orphan to be reaped", func() bool {
		w.lookForDead()
		return procfs.StatOf(orphan.Process.Pid).State == 0
	})
	w.signal(syscall.SIGKILL)
	harnesstest.Await(t, "the command's end", func() bool {
		w.lookForDead()
		return w.state == dead
	})
	if procfs.StatOf(w.pid).State != 'Z' {
		t.Error("the command was reaped")
	}
	if got := strings.TrimSpace(reports.String()); got != `{"Ended":true,"Status":9}` {
		t.Errorf("reported %s", got)
	}
}

// TestEndOrphans wants nobody to be ended but children that were adopted.
func TestEndOrphans(t *testing.T) {
	start := func() int { return harnesstest.StartStopped(t, nil).Process.Pid }
	command, spared, adopted, dead := start(), start(), start(), harnesstest.Start(t, nil, "true").Process.Pid
	harnesstest.AwaitState(t, dead, "Z")
	// A child of a child that is spared.
	parent := exec.Command("sh", "-c", "sleep 1000 & echo $!; wait")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	grandchild, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		syscall.Kill(grandchild, syscall.SIGKILL)
		parent.Wait()
	}()

	w := &watch{state: running, pid: command}
	w.endOrphans([]int{spared, parent.Process.Pid})
	if !harnesstest.Signalled(adopted, syscall.SIGKILL) {
		t.Error("what was adopted was not ended")
	}
	if procfs.StatOf(dead).State != 0 {
		t.Error("the dead was not reaped")
	}
	for name, pid := range map[string]int{
		"the command": command, "a child to spare": spared, "another one": parent.Process.Pid, "a child's child": grandchild,
	} {
		if harnesstest.Signalled(pid, syscall.SIGKILL) {
			t.Errorf("%s was ended", name)
		}
	}
}

// TestHurried wants what a setup left to be given no more time when it is to be
// killed.
func TestHurried(t *testing.T) {
	for _, gentle := range []bool{true, false} {
		orders := make(chan order, 2)
		orders <- order{Signal: syscall.SIGTERM}
		orders <- order{Signal: syscall.SIGKILL}
		w := &watch{state: running, pid: harnesstest.StartStopped(t, nil).Process.Pid, gentle: gentle, orders: orders}
		patience := time.Hour
		if !gentle {
			patience = time.Millisecond
		}
		if w.goneWithin(patience) {
			t.Error("a command that is there is gone")
		}
		if got, want := len(orders) == 0, gentle; got != want {
			t.Errorf("gentle %t: orders are read: %t", gentle, got)
		}
	}
}

// TestSignalCommand wants the command's group to be signalled where it has one
// of its own, and the command alone in the job's.
func TestSignalCommand(t *testing.T) {
	for _, leads := range []bool{true, false} {
		command := harnesstest.StartStopped(t, &syscall.SysProcAttr{Setpgid: true}).Process.Pid
		member := harnesstest.StartStopped(t, &syscall.SysProcAttr{Setpgid: true, Pgid: command}).Process.Pid
		w := &watch{state: running, pid: command, leads: leads}
		w.signal(syscall.SIGTERM)
		if !harnesstest.Signalled(command, syscall.SIGTERM) || harnesstest.Signalled(member, syscall.SIGTERM) != leads {
			t.Errorf("with a group %v: the member was signalled: %v", leads, !leads)
		}
	}
	w := &watch{state: reaped, pid: harnesstest.StartStopped(t, nil).Process.Pid}
	if w.signal(syscall.SIGTERM); harnesstest.Signalled(w.pid, syscall.SIGTERM) {
		t.Error("a command was signalled that is no more")
	}
}
