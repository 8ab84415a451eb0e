//go:build linux

// Package procfs asks the kernel what the run and its supervisors need to know
// of other processes: through /proc, and by waits that reap nothing.
package procfs

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Stat is a part of /proc/<pid>/stat.
type Stat struct {
	PID, Parent, Group, Session int
	// Dead is true for a process that nobody waited for yet.
	Dead bool
	// Started is the time of its start in clock ticks since boot. It tells two
	// processes with the same id apart.
	Started uint64
}

// ReadStat returns the stat of a process. It is false if there is none.
func ReadStat(pid int) (Stat, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Stat{}, false
	}
	// The command's name, in parentheses, may hold anything, so the fields are
	// counted from its end: state, ppid, pgrp, … and starttime, the 22nd.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 20 {
		return Stat{}, false
	}
	s := Stat{PID: pid, Dead: fields[0] == "Z" || fields[0] == "X"}
	s.Parent, _ = strconv.Atoi(fields[1])
	s.Group, _ = strconv.Atoi(fields[2])
	s.Session, _ = strconv.Atoi(fields[3])
	s.Started, _ = strconv.ParseUint(fields[19], 10, 64)
	return s, true
}

// PIDs returns the ids of all processes, in order. It returns none if /proc
// shows the processes of another pid namespace, whose ids mean others here.
func PIDs() []int {
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return nil
	}
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// Arguments returns a process' command line as the kernel keeps it, a NUL
// behind each word. It is empty for a process that is dead or gone.
func Arguments(pid int) []byte {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return b
}

// A DeadChild is a child that has ended and is not reaped.
type DeadChild struct {
	PID    int
	Status syscall.WaitStatus
}

// LookDead returns a child that has ended, without reaping it. With wait it
// waits for one, without it returns the zero DeadChild if there is none yet. No
// children at all are an error, ECHILD.
func LookDead(wait bool) (DeadChild, error) {
	options := unix.WEXITED | unix.WNOWAIT | unix.WALL
	if !wait {
		options |= unix.WNOHANG
	}
	for {
		var info unix.Siginfo
		if err := unix.Waitid(unix.P_ALL, 0, &info, options, nil); err == unix.EINTR {
			continue
		} else if err != nil {
			return DeadChild{}, err
		}
		// si_pid, si_uid and si_status are the first fields of the union, which
		// starts after three ints, at the alignment of a pointer.
		const ints, word = 3 * unsafe.Sizeof(int32(0)), unsafe.Sizeof(uintptr(0))
		const offset = (ints + word - 1) / word * word
		fields := (*[3]int32)(unsafe.Add(unsafe.Pointer(&info), offset))
		return DeadChild{PID: int(fields[0]), Status: waitStatus(info.Code, fields[2])}, nil
	}
}

// waitStatus puts together what wait would return from what waitid does.
func waitStatus(code, status int32) syscall.WaitStatus {
	const exited, dumped, coreFlag = 1, 3, 0x80 // CLD_EXITED, CLD_DUMPED, WCOREFLAG
	switch code {
	case exited:
		return syscall.WaitStatus(status&0xff) << 8
	case dumped:
		return syscall.WaitStatus(status | coreFlag)
	}
	return syscall.WaitStatus(status)
}
