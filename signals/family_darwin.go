package signals

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// parentOf returns the id of a process's parent, or 0 if it is not known.
func parentOf(pid int) int {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return 0
	}
	return int(info.Eproc.Ppid)
}

// readers returns nothing: this system does not show who reads a pipe.
func readers() []int { return nil }

func awaitEnd([]int, time.Duration) {}

func awaitDelivery(int, syscall.Signal, time.Duration) {}

// children returns nothing: without the C library a process can't list its
// children here.
func children() []int { return nil }

func continueChildren([]int) {}

// stopOthers does nothing: this system does not show who is in a group.
func stopOthers(time.Duration, func() bool) {}
