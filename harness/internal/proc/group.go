//go:build unix

package proc

import (
	"syscall"
	"time"
)

const (
	// termGrace is the time that a leader's leftovers have after SIGTERM.
	termGrace = 500 * time.Millisecond
	// killGrace is how long SIGKILL may take: a process that waits for a disk dies when it is done.
	killGrace = 5 * time.Second
)

// EndGroup ends what is left in a group, the leader of which has ended and is not reaped. That nothing is left is the
// normal case, and costs no waiting.
func EndGroup(pgid int) {
	left := HasMembers(pgid)
	if left {
		syscall.Kill(-pgid, syscall.SIGTERM)
		AwaitEmpty(pgid, termGrace)
	}
	// Always, for a process that was forked while the list was read. If there is none, nothing happens.
	syscall.Kill(-pgid, syscall.SIGKILL)
	if left {
		AwaitEmpty(pgid, killGrace)
	}
}

// AwaitEmpty waits until the group has no members, or the time is up. It reports whether it has none.
func AwaitEmpty(pgid int, limit time.Duration) bool {
	end := time.Now().Add(limit)
	for pause := time.Millisecond; HasMembers(pgid); pause = min(2*pause, 50*time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
		time.Sleep(pause)
	}
	return true
}
