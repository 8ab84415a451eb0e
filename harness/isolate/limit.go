//go:build unix

package isolate

import (
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A limit is how -test.timeout applies to the children of a test.
type limit struct {
	timeout  time.Duration // the value of the flag, 0 for none
	deadline time.Time     // of this process
	grace    time.Duration // from SIGQUIT to the deadline; SIGKILL comes halfway
}

// maxGrace is enough time for a process to show its goroutines and die, and for
// its parent to report that.
const maxGrace = 5 * time.Second

func limitOf(t *testing.T) limit {
	var l limit
	l.timeout, _ = time.ParseDuration(flagValue("test.timeout"))
	deadline, ok := t.Deadline()
	if !ok {
		return l
	}
	l.deadline = deadline
	l.grace = min(l.timeout/10, maxGrace)
	if assigned != nil {
		// A child's timeout is the time that was left when it started. Its own
		// children have to end earlier than it does.
		l.grace = assigned.Grace
	}
	return l
}

// forChild returns -test.timeout for a child. The child's own alarm fires only
// if SIGQUIT, sent earlier, has failed. Users can read the value in the child's
// output.
func (l limit) forChild() time.Duration {
	if l.deadline.IsZero() {
		return 0
	}
	return max(time.Until(l.deadline)-l.grace/2, 0).Truncate(time.Millisecond) + time.Millisecond
}

// enforce ends the process when its time is up. The caller must call the
// returned function once the process has ended; it reports whether the time was
// up.
func (l limit) enforce(p *process) (stop func() bool) {
	if l.deadline.IsZero() {
		return func() bool { return false }
	}
	var up atomic.Bool
	left := time.Until(l.deadline)
	quit := time.AfterFunc(left-l.grace, func() {
		up.Store(true)
		p.cmd.Process.Signal(syscall.SIGQUIT)
	})
	kill := time.AfterFunc(left-l.grace/2, func() { p.cmd.Process.Kill() })
	return func() bool {
		quit.Stop()
		kill.Stop()
		return up.Load()
	}
}
