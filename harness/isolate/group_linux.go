package isolate

import (
	"bytes"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// childAttr makes the child the leader of a new group, before its first instruction, and has it die with its parent.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitExit waits until the process has ended, and leaves it to be reaped.
func awaitExit(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err
		}
	}
}

// groupHasMembers reports whether processes other than the leader, which is a zombie, live in the group. Signal
// 0 would not tell: it reaches the zombie.
func groupHasMembers(pgid int) bool {
	proc, err := os.Open("/proc")
	if err != nil {
		return true
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == pgid {
			continue
		}
		if stat, err := readStat(name); err == nil && stat.pgrp == pgid && stat.state != 'Z' && stat.state != 'X' {
			return true
		}
	}
	return false
}

type procStat struct {
	state byte
	pgrp  int
}

// readStat reads /proc/PID/stat: "pid (command) state ppid pgrp ...", where the command may hold anything.
func readStat(pid string) (procStat, error) {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return procStat{}, err
	}
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 3 {
		return procStat{}, syscall.ESRCH
	}
	pgrp, err := strconv.Atoi(string(fields[2]))
	return procStat{fields[0][0], pgrp}, err
}
