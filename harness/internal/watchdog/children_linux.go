package watchdog

import (
	"os"
	"os/signal"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"pgtest/signals/procfs"
)

// commandAttr puts the command into a process group, 0 is one of its own. If the
// watchdog is killed a go command is told to finish: it then removes its work
// directory.
func commandAttr(group int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pgid: group, Pdeathsig: syscall.SIGINT}
}

// childDeaths makes every descendant whose parent dies a child of this process,
// and returns a channel that says when to look for dead ones.
func childDeaths() <-chan os.Signal {
	unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	return died
}

// follow has nothing to do: SIGCHLD tells of the command's end.
func (w *watch) follow() {}

// lookForDead reports the command's end, and reaps adopted processes that have
// ended. The command stays unreaped.
func (w *watch) lookForDead() {
	for {
		dead, err := procfs.LookDead(false)
		switch {
		case err != nil || dead.PID == 0:
			return
		case dead.PID == w.pid:
			// It hides the others from here on. They are found when they are looked
			// for, or are the next parent's.
			w.sayEnded(dead.Status)
			return
		}
		unix.Wait4(dead.PID, nil, unix.WNOHANG, nil)
	}
}

// anyLeft says whether any child is alive; all descendants are below one.
//
// A wait for stopped children only is refused with ECHILD if all children are
// dead (wait_consider_task in the kernel's exit.c).
func (w *watch) anyLeft() bool {
	err := unix.Waitid(unix.P_ALL, 0, nil, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil)
	return err != unix.ECHILD
}

// endOrphans kills the children that are not the command and not spared, and
// reaps those that are dead. What they leave behind is adopted, and found by the
// next call.
func (w *watch) endOrphans(spare []int) {
	self := os.Getpid()
	for _, pid := range procfs.PIDs() {
		s, ok := procfs.ReadStat(pid)
		switch {
		case !ok || s.Parent != self || pid == w.pid || slices.Contains(spare, pid):
		case s.Dead:
			unix.Wait4(pid, nil, unix.WNOHANG, nil)
		default:
			unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// redirect makes descriptor to the same as from.
func redirect(from, to int) error { return unix.Dup3(from, to, 0) }
