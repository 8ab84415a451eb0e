// Package stopwatch measures the time in which a process could run, for limits
// on the processes that it watches. The time of a stop (Ctrl-Z, SIGSTOP) does
// not count, nor does a step of the wall clock.
package stopwatch

import (
	"sync"
	"time"
)

// A Watch adds up the intervals between calls of Look. An interval that is
// longer than Longest counts as Longest, because the process was stopped or
// starved meanwhile, and does not know what has happened since. Times must have
// a monotonic reading, as time.Now returns them.
type Watch struct {
	Longest time.Duration

	counted time.Duration
	last    time.Time // zero before the first look
	stopped bool
}

// Look returns the time counted up to now.
func (w *Watch) Look(now time.Time) time.Duration {
	if now.Before(w.last) { // a tick that had to wait
		return w.counted
	}
	if !w.stopped && !w.last.IsZero() {
		w.counted += min(now.Sub(w.last), w.Longest)
	}
	w.last = now
	return w.counted
}

// Stop pauses the count.
func (w *Watch) Stop(now time.Time) {
	w.Look(now)
	w.stopped = true
}

// Continue resumes the count.
func (w *Watch) Continue(now time.Time) {
	w.Look(now)
	w.stopped = false
}

// Piece is how often a limit is looked at: a tenth of it, within bounds.
func Piece(limit time.Duration) time.Duration {
	return min(max(limit/10, 10*time.Millisecond), time.Second)
}

// AfterFunc calls f in its own goroutine once this process could run for d, and
// never if d is 0. The function that it returns prevents the call if f was not
// called yet.
func AfterFunc(d time.Duration, f func()) (stop func()) {
	if d <= 0 {
		return func() {}
	}
	piece := Piece(d)
	w := &Watch{Longest: 2 * piece}
	w.Look(time.Now())
	ended := make(chan struct{})
	ticker := time.NewTicker(piece)
	go func() {
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				return
			case <-ticker.C:
				if w.Look(time.Now()) >= d {
					f()
					return
				}
			}
		}
	}()
	return sync.OnceFunc(func() { close(ended) })
}
