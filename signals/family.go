//go:build unix

package signals

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// ancestors returns the ancestors of this process that are in its process
// group, nearest first, such as a script's shell or a make. In a job of an
// interactive shell there are none, because the shell has a group of its own.
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

// isAncestor reports whether pid is one of ancestors now.
func isAncestor(pid int) bool { return slices.Contains(ancestors(), pid) }

// orphaned reports whether this process group is orphaned: no member has a
// parent in another group of the same session, so no shell would continue the
// group if it stopped.
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
