package proc

import (
	"bytes"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"pgtest/harness/harnesstest"
	"pgtest/signals/procfs"
)

// Whose id it is: a process is signalled by its id only while nobody else can
// have got the id.

// newTree returns the tree of a child that leads a group, with rootAttr. Nobody
// follows it yet.
func newTree(root int) *Tree {
	AdoptOrphans()
	return &Tree{root: root, group: root, leads: true, exited: make(chan struct{})}
}

func rootAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// exit starts a child that ends at once, and returns when it has, unreaped.
func exit(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := harnesstest.Start(t, nil, "true")
	harnesstest.AwaitState(t, cmd.Process.Pid, "Z")
	return cmd
}

func isUnreaped(pid int) bool {
	return procfs.StatOf(pid).State == 'Z'
}

// TestRootStaysUnreaped wants all children to be reaped as they die but the
// root: as long as it is not, its id and that of its group are nobody else's.
func TestRootStaysUnreaped(t *testing.T) {
	orphan := exit(t)
	root := harnesstest.Start(t, rootAttr(), "sleep", "1000")
	tr := newTree(root.Process.Pid)
	go tr.follow()
	harnesstest.Await(t, "the orphan to be reaped", func() bool {
		return procfs.StatOf(orphan.Process.Pid).State == 0
	})
	root.Process.Kill()
	<-tr.exited
	if !isUnreaped(tr.root) {
		t.Error("the root was reaped with the others")
	}
	if status, _ := tr.Reap(); status.Signal() != syscall.SIGKILL {
		t.Errorf("the root's status is %v", status)
	}
}

// TestReapingAndSignalling wants nobody to be reaped while a child is signalled
// by its id, nor the other way round.
func TestReapingAndSignalling(t *testing.T) {
	root := harnesstest.Start(t, rootAttr(), "sleep", "1000")
	tr := newTree(root.Process.Pid)
	tr.reaping.Lock()
	orphan, child := exit(t), harnesstest.Start(t, nil, "sleep", "1000")
	go tr.follow()
	harnesstest.Await(t, "a wait for the lock, to reap", func() bool {
		return harnesstest.WaitsForLock("(*Tree).follow") || !isUnreaped(orphan.Process.Pid)
	})
	if !isUnreaped(orphan.Process.Pid) {
		t.Error("a child was reaped while another one could be signalled")
	}
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		tr.killChild(child.Process.Pid)
	}()
	harnesstest.Await(t, "a wait for the lock, to signal", func() bool {
		return harnesstest.WaitsForLock("(*Tree).killChild") || harnesstest.Signalled(child.Process.Pid, syscall.SIGKILL)
	})
	if harnesstest.Signalled(child.Process.Pid, syscall.SIGKILL) {
		t.Error("a child was signalled while it could be reaped")
	}
	tr.reaping.Unlock()
	<-killed
	root.Process.Kill()
	<-tr.exited
}

// TestKillChild wants none to be killed but children, and groups only in
// sessions that a descendant made.
func TestKillChild(t *testing.T) {
	root := harnesstest.StartStopped(t, rootAttr())
	tr := newTree(root.Process.Pid)
	stranger := harnesstest.StartStopped(t, &syscall.SysProcAttr{Setpgid: true})
	// In a group of the session that this process has not made.
	joined := harnesstest.StartStopped(t, &syscall.SysProcAttr{Setpgid: true, Pgid: stranger.Process.Pid})
	// The parent of a process, in this session and in one of its own.
	family := func(attr *syscall.SysProcAttr) (parent, child int) {
		cmd := exec.Command("sh", "-c", "sleep 1000 & echo $!; kill -STOP $! $$")
		cmd.SysProcAttr = attr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 20)
		n, err := out.Read(line)
		if err != nil {
			t.Fatal(err)
		}
		child, err = strconv.Atoi(string(bytes.TrimSpace(line[:n])))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			syscall.Kill(child, syscall.SIGKILL)
			cmd.Process.Kill()
			cmd.Wait()
		})
		harnesstest.AwaitState(t, child, "T")
		harnesstest.AwaitState(t, cmd.Process.Pid, "T")
		return cmd.Process.Pid, child
	}
	_, grandchild := family(nil)
	leader, member := family(&syscall.SysProcAttr{Setsid: true})

	for _, tt := range []struct {
		name string
		pid  int
		hit  []int
	}{
		{"the root", tr.root, nil},
		{"a grandchild", grandchild, nil},
		{"a child in a group of this session", joined.Process.Pid, []int{joined.Process.Pid}},
		{"a child with a session", leader, []int{leader, member}},
	} {
		tr.killChild(tt.pid)
		for _, pid := range tt.hit {
			harnesstest.Await(t, tt.name+" to be killed", func() bool { return harnesstest.Signalled(pid, syscall.SIGKILL) })
		}
		for _, pid := range []int{tr.root, grandchild, stranger.Process.Pid} {
			if harnesstest.Signalled(pid, syscall.SIGKILL) {
				t.Fatalf("%s: killed another process, %d", tt.name, pid)
			}
		}
	}
}

// TestSignalChecks wants a process to be signalled only if it is the one that
// was found, and not another one with its id.
func TestSignalChecks(t *testing.T) {
	cmd := harnesstest.StartStopped(t, nil)
	s := procfs.StatOf(cmd.Process.Pid)
	if !s.Alive() {
		t.Fatal("no such process")
	}
	Process{s.PID, s.Group, s.Started + 1}.signal(syscall.SIGTERM)
	if harnesstest.Signalled(s.PID, syscall.SIGTERM) {
		t.Error("another process with the same id was signalled")
	}
	Process{s.PID, s.Group, s.Started}.signal(syscall.SIGTERM)
	if !harnesstest.Signalled(s.PID, syscall.SIGTERM) {
		t.Error("the process itself was not signalled")
	}
}
