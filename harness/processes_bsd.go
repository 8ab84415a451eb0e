//go:build darwin || freebsd

package harness

import (
	"syscall"

	"golang.org/x/sys/unix"

	"pgtest/harness/internal/control"
)

// setTopDir does nothing.
func setTopDir(string) {}

// reapOrphans does nothing.
func (i *invocation) reapOrphans() {}

// endAbandoned ends the group of a test binary whose supervisor died, as long
// as the group's leader lives in the session that the supervisor led, which no
// other process can do. A group without its leader might belong to another
// program.
func endAbandoned(s control.Started) {
	session, err := unix.Getsid(s.PID)
	group, groupErr := unix.Getpgid(s.PID)
	if err == nil && groupErr == nil && session == s.Supervisor && group == s.PID {
		syscall.Kill(-s.PID, syscall.SIGKILL)
	}
}

// killSession kills a supervisor, which leads a session as long as it lives.
func killSession(s control.Started) {
	if session, err := unix.Getsid(s.Supervisor); err == nil && session == s.Supervisor && s.Supervisor > 1 {
		syscall.Kill(s.Supervisor, syscall.SIGKILL)
	}
}
