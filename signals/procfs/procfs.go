//go:build linux

// Package procfs reads in /proc what the processes of a run need to know of
// others.
package procfs

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Stat is a part of /proc/<pid>/stat.
type Stat struct {
	PID, Parent, Group, Session int
	// State is R, S, T (stopped), Z (zombie) and the like, or 0 if there is no
	// such process.
	State byte
	// Started is the time of its start in clock ticks since boot. It tells two
	// processes with the same id apart.
	Started uint64
}

// Alive says whether there is such a process, and it has not ended.
func (s Stat) Alive() bool { return s.State != 0 && s.State != 'Z' && s.State != 'X' }

// StatOf returns the stat of a process, the zero Stat if there is none.
func StatOf(pid int) Stat {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Stat{}
	}
	// The command's name, in parentheses, may hold anything, so the fields are
	// counted from its end: state, ppid, pgrp, … and starttime, the 22nd.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 20 {
		return Stat{}
	}
	s := Stat{PID: pid, State: fields[0][0]}
	s.Parent, _ = strconv.Atoi(fields[1])
	s.Group, _ = strconv.Atoi(fields[2])
	s.Session, _ = strconv.Atoi(fields[3])
	s.Started, _ = strconv.ParseUint(fields[19], 10, 64)
	return s
}

// Find returns the stats of the processes that want asks for, by process id.
func Find(want func(Stat) bool) []Stat {
	var found []Stat
	for _, pid := range PIDs() {
		if s := StatOf(pid); s.State != 0 && want(s) {
			found = append(found, s)
		}
	}
	return found
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

// Children returns the ids of the children of this process. One that starts or
// ends meanwhile may be missing, and others with it.
func Children() []int {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil
	}
	var pids []int
	for _, task := range tasks {
		list, err := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
		if err != nil {
			continue
		}
		for _, field := range bytes.Fields(list) {
			if pid, err := strconv.Atoi(string(field)); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// Arguments returns a process' command line as the kernel keeps it, a NUL
// behind each word. It is empty for a process that is dead or gone.
func Arguments(pid int) []byte {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return b
}
