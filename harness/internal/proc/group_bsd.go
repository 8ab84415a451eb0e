//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package proc

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// LeaderAttr makes a process the leader of a new group, before its first instruction.
func LeaderAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// AwaitExit waits until the child has ended, and leaves it to be reaped: until then the number of the group that it
// leads can't be given to anybody else.
func AwaitExit(pid int) error {
	queue, err := unix.Kqueue()
	if err != nil {
		return err
	}
	defer unix.Close(queue)
	var exit unix.Kevent_t
	unix.SetKevent(&exit, pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	exit.Fflags = unix.NOTE_EXIT
	events := []unix.Kevent_t{exit}
	for {
		_, err := unix.Kevent(queue, events, events, nil)
		switch err {
		case unix.EINTR:
			continue
		case unix.ESRCH: // a zombie already
			return nil
		}
		return err
	}
}

// HasMembers reports whether anything in the group can be signalled: a zombie can't be.
func HasMembers(pgid int) bool {
	return syscall.Kill(-pgid, 0) == nil
}
