//go:build darwin || freebsd || linux

package proc

import (
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Tree is a process, its root, and everything that the root starts, directly
// or not. A descendant that left the root's process group has escaped. The root
// is not reaped before Reap, so its id stays taken, also when the root is dead.
//
// Usually the root leads the group, whose members then all belong to the tree
// and are signalled at once. Where it is in the group of a shell's job, with a
// tee or a make in it, a process belongs to the tree only as a descendant, and
// each is signalled by itself.
//
// A process may have one Tree at a time, and no other children meanwhile.
type Tree struct {
	root    int
	group   int           // of the root
	leads   bool          // the root leads the group
	exited  chan struct{} // closed at the root's end
	reaping sync.Mutex    // held while a child is reaped, or signalled by its id
}

// StartTree starts a program with this process's standard files and the given
// environment, as the leader of a new group or in this process's own. On Linux
// it dies when the calling thread ends, which the caller has to keep.
func StartTree(path string, argv, env []string, leads bool) (*Tree, error) {
	attr := &syscall.ProcAttr{Env: env, Files: []uintptr{0, 1, 2}, Sys: Attr(syscall.SIGKILL)}
	attr.Sys.Setpgid = leads
	t := &Tree{leads: leads, exited: make(chan struct{})}
	err := WhileBusy(func() (err error) {
		t.root, err = syscall.ForkExec(path, argv, attr)
		return err
	})
	if err != nil {
		return nil, &os.PathError{Op: "fork/exec", Path: path, Err: err}
	}
	t.group = t.root
	if !leads {
		t.group = unix.Getpgrp()
	}
	go t.follow()
	return t, nil
}

// PID returns the id of the root.
func (t *Tree) PID() int { return t.root }

// Group returns the id of the root's group.
func (t *Tree) Group() int { return t.group }

// Exited is closed when the root has ended.
func (t *Tree) Exited() <-chan struct{} { return t.exited }

// Signal sends sig to every process of the tree, the root included.
func (t *Tree) Signal(sig syscall.Signal) {
	t.signalRoot(sig)
	for _, proc := range t.List() {
		if !t.leads || proc.Group != t.group {
			proc.signal(sig)
		}
	}
}

// SignalAlone sends sig to the root and to no other process.
func (t *Tree) SignalAlone(sig syscall.Signal) {
	select {
	case <-t.exited: // its id may be another's soon
	default:
		syscall.Kill(t.root, sig)
	}
}

// signalRoot sends sig to the root, and with it to the group that it leads.
func (t *Tree) signalRoot(sig syscall.Signal) {
	if t.leads {
		syscall.Kill(-t.group, sig)
		return
	}
	syscall.Kill(t.root, sig)
}

// Usage is what a tree used.
type Usage struct {
	// User and System are CPU time, summed over all processes.
	User, System time.Duration
	// MaxRSS is the peak resident set of the largest single process, in bytes.
	// With AtMost it may have been less: the kernel hands on the peak of the
	// program that a process was before, which was this one.
	MaxRSS int64
	AtMost bool
}

// Reap waits for the root, which must be dead, and for all that died with it.
// It returns the root's status and what all of them used.
func (t *Tree) Reap() (syscall.WaitStatus, Usage) {
	status := Reap(t.root)
	ReapAll()
	var usage unix.Rusage
	unix.Getrusage(unix.RUSAGE_CHILDREN, &usage)
	peak := int64(usage.Maxrss) * rssUnit
	return status, Usage{
		User:   time.Duration(usage.Utime.Nano()),
		System: time.Duration(usage.Stime.Nano()),
		MaxRSS: peak,
		AtMost: peak <= handedOn(),
	}
}
