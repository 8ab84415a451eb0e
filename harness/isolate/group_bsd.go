//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package isolate

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// childAttr makes the child the leader of a new group, before its first instruction.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// awaitExit waits until the process has ended, and leaves it to be reaped.
func awaitExit(pid int) error {
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

// groupHasMembers reports whether anything in the group can be signalled: a zombie can't be.
func groupHasMembers(pgid int) bool {
	return syscall.Kill(-pgid, 0) == nil
}
