//go:build darwin || freebsd

package harness

import (
	"syscall"

	"golang.org/x/sys/unix"

	"pgtest/harness/internal/control"
)

// spread does nothing.
func spread(string) {}

// reapOrphans does nothing.
func (i *invocation) reapOrphans() {}

// endAbandoned ends the group of a test binary whose supervisor died, as long as
// its leader lives in the session that the supervisor led: no other process can
// be that. A group without its leader can't be told from somebody else's.
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
