//go:build unix

package isolate

import (
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A limit is what -test.timeout means for the children of a test.
type limit struct {
	timeout  time.Duration // the value of the flag, 0 for none
	deadline time.Time     // of this process
	grace    time.Duration // SIGQUIT that long before the deadline, and SIGKILL at half of it
}

// maxGrace is enough for a process that shows its goroutines and dies, and for
// its parent to say so.
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
		// A child's timeout is what was left for it. Its own children have to
		// end earlier than it does.
		l.grace = assigned.Grace
	}
	return l
}

// forChild returns -test.timeout for a child: its own alarm comes only where
// SIGQUIT, sent earlier, has failed. Users can read it in the child's output.
func (l limit) forChild() time.Duration {
	if l.deadline.IsZero() {
		return 0
	}
	return max(time.Until(l.deadline)-l.grace/2, 0).Truncate(time.Millisecond) + time.Millisecond
}

// enforce ends the process when its time is up. The caller calls the function
// that it returns when the process has ended; that reports whether its time was
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
