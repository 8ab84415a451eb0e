package proc

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// pidOffset is where struct kinfo_proc (sys/user.h) holds ki_pid on 64-bit
// machines: behind two ints and eight pointers.
const pidOffset = 72

// groupMembers returns the members of a process group, dead ones that were not
// reaped yet included.
func groupMembers(pgid int) []int {
	raw, err := unix.SysctlRaw("kern.proc.pgrp", pgid)
	if err != nil {
		return nil
	}
	var pids []int
	for len(raw) >= pidOffset+4 {
		size := binary.NativeEndian.Uint32(raw) // ki_structsize
		if int(size) < pidOffset+4 || int(size) > len(raw) {
			break
		}
		pids = append(pids, int(binary.NativeEndian.Uint32(raw[pidOffset:])))
		raw = raw[size:]
	}
	return pids
}

// commandLine returns a process' command line, cut to maxCommand.
func commandLine(pid int) string {
	raw, _ := unix.SysctlRaw("kern.proc.args", pid)
	return printable(raw)
}
