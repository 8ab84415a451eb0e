package proc

import (
	"syscall"

	"golang.org/x/sys/unix"

	"pgtest/signals/procfs"
)

// LeaderAttr makes a process the leader of a new group, before its first instruction, and has it die with its
// parent: with the thread that starts it, which the caller has to keep.
func LeaderAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// AwaitExit waits until the child has ended, and leaves it to be reaped: until then the number of the group that it
// leads can't be given to anybody else.
func AwaitExit(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err
		}
	}
}

// HasMembers reports whether processes other than the leader, which is a zombie, live in the group. Signal 0 would
// not tell: it reaches the zombie.
func HasMembers(pgid int) bool { return len(Members(pgid)) > 0 }

// Members returns the living processes of the group.
func Members(pgid int) []int {
	var members []int
	for _, pid := range procfs.PIDs() {
		if s, ok := procfs.ReadStat(pid); ok && s.Group == pgid && !s.Dead {
			members = append(members, pid)
		}
	}
	return members
}
