package proc

import (
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
)

// A Family is the children of this process: those that it starts, which
// somebody waits for, and descendants whose parents died. Adopted ones it reaps
// as they die, as init does, because a test may wait until such a process is
// gone.
type Family struct {
	mu      sync.RWMutex // held for writing where a dead child is judged
	started sync.Map     // ids of children that somebody waits for
	look    chan os.Signal
}

// NewFamily makes this process adopt its orphaned descendants, from now on.
func NewFamily() *Family {
	f := &Family{look: make(chan os.Signal, 1)}
	AdoptOrphans()
	signal.Notify(f.look, syscall.SIGCHLD)
	go func() {
		for range f.look {
			f.reap()
		}
	}()
	return f
}

// reap reaps adopted children that have ended.
func (f *Family) reap() {
	f.mu.Lock()
	defer f.mu.Unlock()
	ReapOrphans(func(pid int) bool {
		_, ok := f.started.Load(pid)
		return ok
	})
}

// Start starts a child that the caller waits for. It calls Reaped when it has.
func (f *Family) Start(cmd *exec.Cmd) error {
	f.mu.RLock() // or it could die, and be taken for an adopted one, before it is known
	defer f.mu.RUnlock()
	err := cmd.Start()
	if err == nil {
		f.started.Store(cmd.Process.Pid, true)
	}
	return err
}

// Reaped is called when a child that was started has been waited for.
func (f *Family) Reaped(pid int) {
	f.started.Delete(pid)
	select {
	case f.look <- syscall.SIGCHLD: // the dead behind it can be seen now
	default:
	}
}
