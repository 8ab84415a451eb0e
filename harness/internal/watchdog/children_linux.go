package watchdog

import (
	"os"
	"os/signal"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"pgtest/harness/internal/proc"
	"pgtest/signals/procfs"
)

// childDeaths makes every descendant whose parent dies a child of this process,
// and returns a channel that says when to look for dead ones.
func childDeaths() <-chan os.Signal {
	proc.AdoptOrphans()
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	return died
}

// follow does nothing: SIGCHLD announces the command's end.
func (w *watch) follow() {}

// lookForDead reports the command's end, and reaps adopted processes that have
// ended. The command stays unreaped. It hides the others from then on: they are
// found when they are looked for, or are the next parent's.
func (w *watch) lookForDead() {
	found := proc.ReapOrphans(func(pid int) bool { return pid == w.pid })
	if found.PID > 0 {
		w.died(found.Status, dead)
	}
}

// anyLeft reports whether any child is alive. All living descendants are below
// one.
func (w *watch) anyLeft() bool { return proc.AnyChild() }

// signalOrphans signals the children that are not the command.
func (w *watch) signalOrphans(sig syscall.Signal) {
	self := os.Getpid()
	for _, s := range procfs.Find(func(s procfs.Stat) bool { return s.Parent == self }) {
		if s.PID != w.pid && s.Alive() {
			unix.Kill(s.PID, sig)
		}
	}
}

// endOrphans kills the children that are not the command and not spared, and
// reaps those that are dead. What they leave behind is adopted, and found by
// the next call.
func (w *watch) endOrphans(spare []int) {
	self := os.Getpid()
	for _, s := range procfs.Find(func(s procfs.Stat) bool { return s.Parent == self }) {
		switch {
		case s.PID == w.pid || slices.Contains(spare, s.PID):
		case s.Alive():
			unix.Kill(s.PID, unix.SIGKILL)
		default:
			unix.Wait4(s.PID, nil, unix.WNOHANG, nil)
		}
	}
}

// redirect makes descriptor to the same as from.
func redirect(from, to int) error { return unix.Dup3(from, to, 0) }
