package signals

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// parentOf returns 0 if it is not known.
func parentOf(pid int) int {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return 0
	}
	return int(info.Eproc.Ppid)
}

// readers: who reads a pipe can't be found out here.
func readers() []int { return nil }

func awaitEnd([]int, time.Duration) {}

func awaitDelivery(int, syscall.Signal, time.Duration) {}

// children: a process can't list its children here without the C library.
func children() []int { return nil }

func continueChildren([]int) {}

// stopOthers: who is in a group can't be found out here.
func stopOthers(time.Duration, func() bool) {}
