package pertest

import (
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"pgtest/signals/procfs"
)

// adopts says whether every descendant whose parent dies becomes a child of this
// process. A sandbox may refuse that.
var adopts bool

// A family is the children of this process: those that it starts, which
// somebody waits for, and descendants whose parents died. Adopted ones it reaps
// as they die, as init does, because a test may wait until such a process is
// gone.
type family struct {
	mu      sync.RWMutex // held for writing where a dead child is judged
	started sync.Map     // ids of children that somebody waits for
	look    chan os.Signal
}

// newFamily makes this process adopt its orphaned descendants, from now on.
func newFamily() *family {
	f := &family{look: make(chan os.Signal, 1)}
	adopts = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == nil
	signal.Notify(f.look, unix.SIGCHLD)
	go func() {
		for range f.look {
			f.reap()
		}
	}()
	return f
}

// start starts a child that the caller waits for. It calls reaped when it has.
func (f *family) start(cmd *exec.Cmd) error {
	f.mu.RLock() // or it could die, and be taken for an adopted one, before it is known
	defer f.mu.RUnlock()
	err := cmd.Start()
	if err == nil {
		f.started.Store(cmd.Process.Pid, true)
	}
	return err
}

// reaped is called when a child that was started has been waited for.
func (f *family) reaped(pid int) {
	f.started.Delete(pid)
	select {
	case f.look <- syscall.SIGCHLD: // the dead behind it can be seen now
	default:
	}
}

// reap reaps adopted children. The kernel shows the dead one at a time: those
// behind one that somebody else is about to wait for are reaped after it.
func (f *family) reap() {
	for f.reapOne() {
	}
}

func (f *family) reapOne() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	dead, err := procfs.LookDead(false)
	if err != nil || dead.PID == 0 {
		return false
	}
	if _, ok := f.started.Load(dead.PID); ok {
		return false
	}
	unix.Wait4(dead.PID, nil, unix.WNOHANG|unix.WALL, nil)
	return true
}
