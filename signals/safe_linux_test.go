package signals

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pgtest/harness/harnesstest"
	"pgtest/signals/procfs"
)

// TestSignalIf wants a signal only for a process that is what it has to be.
func TestSignalIf(t *testing.T) {
	pid := harnesstest.StartStopped(t, nil).Process.Pid
	for _, is := range []bool{false, true} {
		signalIf(pid, unix.SIGTERM, func(asked int) bool { return asked == pid && is })
		if got := harnesstest.Signalled(pid, unix.SIGTERM); got != is {
			t.Errorf("signalled: %v, want %v", got, is)
		}
	}
}

// TestSignalIfReused lets a process end after it was found, and another one get
// its id before the signal is sent.
func TestSignalIfReused(t *testing.T) {
	if !harnesstest.InNamespaces(t, unix.CLONE_NEWPID|unix.CLONE_NEWNS) {
		return
	}
	found := harnesstest.Start(t, nil, "sleep", "1000")
	pid := found.Process.Pid
	var other *exec.Cmd
	signalIf(pid, unix.SIGTERM, func(int) bool {
		found.Process.Kill()
		found.Wait()
		// A thread of this process may get the id first.
		for other == nil || other.Process.Pid != pid {
			harnesstest.NextPID(t, pid)
			other = harnesstest.StartStopped(t, nil)
		}
		return true
	})
	if harnesstest.Signalled(pid, unix.SIGTERM) {
		t.Error("a process was signalled that has the id of another one")
	}
}

// TestWhoIsWho asks what decides who is signalled.
func TestWhoIsWho(t *testing.T) {
	awake := harnesstest.Start(t, nil, "sleep", "1000").Process.Pid
	child := harnesstest.StartStopped(t, nil).Process.Pid
	leader := harnesstest.StartStopped(t, &syscall.SysProcAttr{Setpgid: true}).Process.Pid
	for _, tt := range []struct {
		name string
		pid  int
		// what it is
		member, ancestor, stopped bool
	}{
		{"a child", awake, true, false, false},
		{"a child that is stopped", child, true, false, true},
		{"a child with a group", leader, false, false, true},
		{"the first process", 1, false, false, false},
		{"nobody", 1 << 30, false, false, false},
	} {
		if member, ancestor, stopped := isMember(tt.pid), isAncestor(tt.pid), isStoppedChild(tt.pid); member != tt.member || ancestor != tt.ancestor || stopped != tt.stopped {
			t.Errorf("%s: member %v, ancestor %v, stopped child %v; want %v, %v, %v",
				tt.name, member, ancestor, stopped, tt.member, tt.ancestor, tt.stopped)
		}
	}
	if parent := os.Getppid(); isMember(parent) != isAncestor(parent) || isStoppedChild(parent) {
		t.Error("the parent is an ancestor if it is in the group, and no child")
	}
}

// TestInheritedChildren wants children to be continued that were stopped before
// they became another program, but those that this process had at its start.
func TestInheritedChildren(t *testing.T) {
	inherited := harnesstest.StartStopped(t, nil).Process.Pid
	own := harnesstest.StartStopped(t, nil).Process.Pid
	continueChildren([]int{inherited})
	harnesstest.AwaitState(t, own, "RS")
	if procfs.StatOf(inherited).State != 'T' {
		t.Error("an inherited child was continued")
	}
}
