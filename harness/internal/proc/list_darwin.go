package proc

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// zombie is SZOMB of sys/proc.h.
const zombie = 5

// groupMembers returns the living members of a process group.
func groupMembers(pgid int) []int {
	procs, err := unix.SysctlKinfoProcSlice("kern.proc.pgrp", pgid)
	if err != nil {
		return nil
	}
	var pids []int
	for _, p := range procs {
		if p.Proc.P_stat != zombie {
			pids = append(pids, int(p.Proc.P_pid))
		}
	}
	return pids
}

// commandLine returns a process' name: the system gives its arguments to
// others only in a form that has no documented layout.
func commandLine(pid int) string {
	procs, err := unix.SysctlKinfoProcSlice("kern.proc.pid", pid)
	if err != nil || len(procs) == 0 {
		return strconv.Itoa(pid)
	}
	return printable(procs[0].Proc.P_comm[:])
}
