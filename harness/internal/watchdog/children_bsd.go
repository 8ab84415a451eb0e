//go:build darwin || freebsd

package watchdog

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"pgtest/harness/internal/proc"
)

// deaths says when the command has ended.
var deaths = make(chan os.Signal, 1)

func childDeaths() <-chan os.Signal { return deaths }

// follow waits until the command is dead, without reaping it.
func (w *watch) follow() {
	pid := w.pid
	go func() {
		proc.AwaitExit(pid)
		deaths <- syscall.SIGCHLD
	}()
}

// lookForDead reaps the command, whose status can't be known otherwise, and
// reports its end. The id of its group is not safe afterwards, so the group is
// ended before, if it is to end at all.
func (w *watch) lookForDead() {
	if w.state == ending {
		w.signal(syscall.SIGKILL)
	}
	status := proc.Reap(w.pid)
	if w.gentle && w.leads && syscall.Kill(-w.pid, 0) == nil {
		w.died(status, dead) // the id is that of the group while it has members
		return
	}
	w.died(status, reaped)
}

// anyLeft reports whether the command is alive.
func (w *watch) anyLeft() bool {
	select {
	case <-deaths:
		w.lookForDead()
	default:
	}
	return w.state == running || w.state == ending || w.state == dead && syscall.Kill(-w.pid, 0) == nil
}

// signalOrphans does nothing, either.
func (w *watch) signalOrphans(syscall.Signal) {}

// endOrphans does nothing: orphans become children of process 1.
func (w *watch) endOrphans([]int) {}

// redirect makes descriptor to the same as from.
func redirect(from, to int) error { return unix.Dup2(from, to) }
