//go:build unix

package signals

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// ancestors returns the processes above this one that are in its process group,
// nearest first: a script's shell, a make. In a job of an interactive shell
// there are none, the shell is in a group of its own.
func ancestors() []int {
	var pids []int
	group := unix.Getpgrp()
	for pid := os.Getppid(); pid > 1; pid = parentOf(pid) {
		if pgid, err := unix.Getpgid(pid); err != nil || pgid != group {
			break
		}
		pids = append(pids, pid)
	}
	return pids
}

// isAncestor says whether a process is one of ancestors now.
func isAncestor(pid int) bool { return slices.Contains(ancestors(), pid) }

// orphaned reports whether no shell is there that could continue this process
// group if it stopped: no parent of the family is in another group of the
// session.
func orphaned() bool {
	group := unix.Getpgrp()
	for pid := os.Getppid(); pid > 0; pid = parentOf(pid) {
		if pgid, err := unix.Getpgid(pid); err == nil && pgid == group {
			continue
		}
		parents, err1 := unix.Getsid(pid)
		own, err2 := unix.Getsid(0)
		return err1 != nil || err2 != nil || parents != own
	}
	return true
}
