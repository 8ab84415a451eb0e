//go:build darwin || freebsd

package watchdog

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// commandAttr puts the command into a process group, 0 is one of its own.
func commandAttr(group int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pgid: group}
}

// deaths says when the command has ended.
var deaths = make(chan os.Signal, 1)

func childDeaths() <-chan os.Signal { return deaths }

// follow waits until the command is dead, without reaping it.
func (w *watch) follow() {
	pid := w.pid
	go func() {
		awaitExit(pid)
		deaths <- syscall.SIGCHLD
	}()
}

// awaitExit waits for the end of a child. If the kernel can't tell, it returns
// at once.
func awaitExit(pid int) {
	kq, err := unix.Kqueue()
	if err != nil {
		return
	}
	defer unix.Close(kq)
	change := unix.Kevent_t{}
	unix.SetKevent(&change, pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	change.Fflags = unix.NOTE_EXIT
	events := make([]unix.Kevent_t, 1)
	for {
		// ESRCH: the child is dead already.
		if _, err := unix.Kevent(kq, []unix.Kevent_t{change}, events, nil); err != unix.EINTR {
			return
		}
	}
}

// lookForDead reaps the command, whose status can't be known otherwise, and
// reports its end. The id of its group is not safe afterwards, so the group is
// ended before, if it is to end at all.
func (w *watch) lookForDead() {
	if w.ending {
		w.signal(syscall.SIGKILL)
	}
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(w.pid, &status, 0, nil)
		if err != syscall.EINTR {
			break
		}
	}
	w.reaped = true
	w.sayEnded(status)
}

// anyLeft says whether the command is alive.
func (w *watch) anyLeft() bool {
	select {
	case <-deaths:
		w.lookForDead()
	case <-time.After(0):
	}
	return w.pid > 0 && !w.ended
}

// endOrphans does nothing: orphans are the first process'.
func (w *watch) endOrphans([]int) {}

// redirect makes descriptor to the same as from.
func redirect(from, to int) error { return unix.Dup2(from, to) }
