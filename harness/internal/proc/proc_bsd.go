//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package proc

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Attr returns no special attributes. These systems have no parent-death
// signal, so a child may outlive its parent.
func Attr(syscall.Signal) *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

// AdoptOrphans does nothing: orphans become children of process 1.
func AdoptOrphans() {}

// AwaitExit waits until a child has ended, and leaves it to be reaped: until
// then the id of the group that it leads can't be given to anybody else.
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

// Any reports whether any member of the group can be signalled, which a zombie
// can't.
func (g Group) Any() bool { return syscall.Kill(-int(g), 0) == nil }

// List returns the living members, as far as the system lists them.
func (g Group) List() []Process {
	var list []Process
	for _, pid := range groupMembers(int(g)) {
		if pid != int(g) {
			list = append(list, Process{PID: pid, Group: int(g)})
		}
	}
	return list
}
