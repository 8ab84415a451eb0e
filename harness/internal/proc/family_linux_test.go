package proc

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"pgtest/harness/harnesstest"
	"pgtest/signals/procfs"
)

// TestFamily reaps the dead of this process. Those that somebody waits for
// stay: their ids are theirs until then.
func TestFamily(t *testing.T) {
	// Other tests have children of this process.
	if !harnesstest.InNamespaces(t, 0) {
		return
	}
	f := &Family{look: make(chan os.Signal, 1)}
	gone := func(pid int) bool {
		return procfs.StatOf(pid).State == 0
	}
	hasChild := func() bool {
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		return err != unix.ECHILD
	}
	adopted := exec.Command("true")
	if err := adopted.Start(); err != nil {
		t.Fatal(err)
	}
	harnesstest.AwaitState(t, adopted.Process.Pid, "Z")

	// While a child starts, nobody is reaped: it may be the dead one.
	f.mu.RLock()
	reaped := make(chan struct{})
	go func() {
		defer close(reaped)
		f.reap()
	}()
	harnesstest.Await(t, "a wait for the lock, to reap", func() bool {
		return harnesstest.WaitsForLock("(*Family).reap") || gone(adopted.Process.Pid)
	})
	if gone(adopted.Process.Pid) {
		t.Error("a child was reaped while another one could start")
	}
	f.mu.RUnlock()
	<-reaped
	if !gone(adopted.Process.Pid) {
		t.Error("an adopted child was not reaped")
	}

	// While the dead are judged, none starts.
	started := exec.Command("true")
	f.mu.Lock()
	done := make(chan error)
	go func() { done <- f.Start(started) }()
	harnesstest.Await(t, "a wait for the lock, to start", func() bool {
		return harnesstest.WaitsForLock("(*Family).Start") || hasChild()
	})
	if !harnesstest.WaitsForLock("(*Family).Start") {
		t.Error("a child started while the dead were judged")
	}
	f.mu.Unlock()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	harnesstest.AwaitState(t, started.Process.Pid, "Z")
	f.reap()
	if err := started.Wait(); err != nil {
		t.Errorf("a child that somebody waits for: %v", err)
	}
	f.Reaped(started.Process.Pid)
	select {
	case <-f.look:
	default:
		t.Error("nobody looks for those who are dead behind a child that was reaped")
	}

	// One that is dead as soon as it has started is known all the same.
	stop, reaping := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(reaping)
		for {
			select {
			case <-stop:
				return
			default:
				f.reap()
			}
		}
	}()
	for range 200 {
		cmd := exec.Command("true")
		if err := f.Start(cmd); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatalf("a child that ends at once: %v", err)
		}
		f.Reaped(cmd.Process.Pid)
	}
	close(stop)
	<-reaping
}
