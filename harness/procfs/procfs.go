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
	"unsafe"

	"golang.org/x/sys/unix"
)

// Stat is a part of /proc/<pid>/stat.
type Stat struct {
	PID, Parent, Group int
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

// DeadChild returns the id of a child that has ended, without reaping it. With
// wait it waits for one, without it returns 0 if there is none yet. No children
// at all are an error, ECHILD.
func DeadChild(wait bool) (int, error) {
	options := unix.WEXITED | unix.WNOWAIT | unix.WALL
	if !wait {
		options |= unix.WNOHANG
	}
	for {
		var info unix.Siginfo
		if err := unix.Waitid(unix.P_ALL, 0, &info, options, nil); err == unix.EINTR {
			continue
		} else if err != nil {
			return 0, err
		}
		// si_pid is the first field of the union, which starts after three ints,
		// at the alignment of a pointer.
		const ints, word = 3 * unsafe.Sizeof(int32(0)), unsafe.Sizeof(uintptr(0))
		const offset = (ints + word - 1) / word * word
		return int(*(*int32)(unsafe.Add(unsafe.Pointer(&info), offset))), nil
	}
}
