package pertest

import (
	"strings"
	"unicode"

	"golang.org/x/sys/unix"

	"pgtest/harness/control"
	"pgtest/harness/internal/proc"
	"pgtest/signals/procfs"
)

// anyLeft reports whether anything in the group is alive. Its leader is dead,
// so all that it left in the group are children of this process, which adopts
// them. A wait for stopped children only is refused with ECHILD if all children
// are dead (wait_consider_task in the kernel's exit.c), so this costs one
// system call and no look at /proc.
func anyLeft(pgid int) bool {
	if !adopts {
		return proc.HasMembers(pgid)
	}
	err := unix.Waitid(unix.P_PGID, pgid, nil, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil)
	return err != unix.ECHILD
}

// members returns the ids of what is alive in the group.
func members(pgid int) []int { return proc.Members(pgid) }

// describe returns the living processes of the group.
func describe(pgid int) []control.Leak {
	var leaks []control.Leak
	for _, pid := range members(pgid) {
		if len(leaks) < control.MaxLeaks {
			leaks = append(leaks, control.Leak{PID: pid, Command: commandLine(pid)})
		}
	}
	return leaks
}

// maxCommand bounds a command line in a report, in bytes.
const maxCommand = 200

// commandLine returns a process's command line as one line that can be shown.
func commandLine(pid int) string {
	words := strings.TrimRight(string(procfs.Arguments(pid)), "\x00")
	line := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, words)
	if len(line) > maxCommand {
		return strings.ToValidUTF8(line[:maxCommand], "") + "…"
	}
	return line
}
