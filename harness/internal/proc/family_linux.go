package proc

import (
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
)

// A Family is the set of children of this process: those that it started and
// waits for, and descendants whose parents died. It reaps the latter as they
// die, as init does, because a test may wait until such a process is gone.
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

func (f *Family) reap() {
	f.mu.Lock()
	defer f.mu.Unlock()
	ReapOrphans(func(pid int) bool {
		_, ok := f.started.Load(pid)
		return ok
	})
}

// Start starts a child. The caller must wait for it, and then call Reaped.
func (f *Family) Start(cmd *exec.Cmd) error {
	f.mu.RLock() // or it could die, and be taken for an adopted one, before it is known
	defer f.mu.RUnlock()
	err := cmd.Start()
	if err == nil {
		f.started.Store(cmd.Process.Pid, true)
	}
	return err
}

// Reaped records that a child was waited for.
func (f *Family) Reaped(pid int) {
	f.started.Delete(pid)
	select {
	case f.look <- syscall.SIGCHLD: // the dead behind it can be seen now
	default:
	}
}
