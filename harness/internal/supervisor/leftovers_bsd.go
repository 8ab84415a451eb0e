//go:build darwin || freebsd

package supervisor

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// rootAttr with leads makes the child the leader of a new group. There is no
// parent-death signal: if the supervisor dies, the run ends the group.
func rootAttr(leads bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: leads} }

// openOutput returns nil: a pipe has no name to open here.
func openOutput() *os.File { return nil }

// adoptOrphans does nothing: what leaves the group is not tracked here.
func adoptOrphans() {}

// follow waits for the end of the root, a child that is not reaped, so its id is
// safe. If the kernel can't tell its end, it is waited for by asking.
func (t *tree) follow() {
	defer close(t.exited)
	awaitExit(t.root)
}

// awaitExit waits until a child is dead, without reaping it.
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
		n, err := unix.Kevent(kq, []unix.Kevent_t{change}, events, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n > 0 {
			return
		}
	}
}

// anyLeft says whether the group that the root leads has another member.
func (t *tree) anyLeft() bool { return len(t.left()) > 0 }

// left returns the members of the group that the root leads, the root excepted.
// Descendants can't be told from others here, so without a group of its own the
// tree has no known member but the root.
func (t *tree) left() []process {
	if !t.leads {
		return nil
	}
	var left []process
	for _, pid := range groupMembers(t.group) {
		if pid != t.root {
			left = append(left, process{pid: pid, pgid: t.group})
		}
	}
	return left
}

// kill sends SIGKILL to the group, whose members can't fork meanwhile.
func (t *tree) kill() { t.signalRoot(syscall.SIGKILL) }

// signal is for processes that escaped, which are not found here.
func (p process) signal(syscall.Signal) {}

// handedOn is nothing here: a new program starts to count anew.
func handedOn() int64 { return 0 }
