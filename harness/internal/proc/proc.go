//go:build unix

// Package proc starts processes, waits for them, finds what they leave behind,
// ends that, reaps, and reads what they print. It knows nothing of tests, runs
// and reports.
//
// An id belongs to a process until it is reaped. Then the kernel may give it to
// another. So the leader of a group stays unreaped until its group has ended.
package proc

import (
	"errors"
	"syscall"
	"time"
)

// WhileBusy calls start again, for about two seconds, while it fails because
// the program's file is busy. A file is busy while a process that another
// thread forked has inherited it open for writing and has not come to its exec
// (golang/go#22315).
func WhileBusy(start func() error) error {
	for wait := time.Millisecond; ; wait *= 2 {
		err := start()
		if !errors.Is(err, syscall.ETXTBSY) || wait > time.Second {
			return err
		}
		time.Sleep(wait)
	}
}

// Reap waits for a child, and returns how it ended.
func Reap(pid int) (status syscall.WaitStatus) {
	for {
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			return status
		}
	}
}

// ReapAll reaps all children that have ended. What they used then counts for
// this process.
func ReapAll() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if pid <= 0 && err != syscall.EINTR {
			return
		}
	}
}
