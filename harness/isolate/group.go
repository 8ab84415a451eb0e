//go:build unix

package isolate

import (
	"syscall"
	"time"
)

const (
	// termGrace is the time that a child's leftovers have after SIGTERM.
	termGrace = 500 * time.Millisecond
	// killGrace is how long SIGKILL may take: a process that waits for a disk dies when it is done.
	killGrace = 5 * time.Second
)

// endGroup ends what is left in a group, the leader of which has ended and is not reaped. That nothing is left is
// the normal case, and costs no waiting.
func endGroup(pgid int) {
	left := groupHasMembers(pgid)
	if left {
		syscall.Kill(-pgid, syscall.SIGTERM)
		awaitEmpty(pgid, termGrace)
	}
	// Always, for a process that was forked while the list was read. If there is none, nothing happens.
	syscall.Kill(-pgid, syscall.SIGKILL)
	if left {
		awaitEmpty(pgid, killGrace)
	}
}

// awaitEmpty waits until the group has no members, or the time is up.
func awaitEmpty(pgid int, limit time.Duration) {
	pause := time.Millisecond
	for end := time.Now().Add(limit); groupHasMembers(pgid) && time.Now().Before(end); pause = min(2*pause, 50*time.Millisecond) {
		time.Sleep(pause)
	}
}
