// Package stopwatch measures the time in which a process could run, for limits
// on what it watches. The time of a stop (Ctrl-Z, SIGSTOP) does not count, nor
// does a step of the wall clock.
package stopwatch

import "time"

// A Watch counts time in pieces, from one look at it to the next. A piece that
// is longer than Longest counts as Longest: the process was stopped meanwhile,
// or did not come to look, so that it does not know what has happened since.
// Times must have a monotonic reading, as time.Now returns them.
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

// Stop makes time not count from now on.
func (w *Watch) Stop(now time.Time) {
	w.Look(now)
	w.stopped = true
}

// Continue makes it count again.
func (w *Watch) Continue(now time.Time) {
	w.Look(now)
	w.stopped = false
}

// Piece is how often a limit is looked at: a tenth of it, within bounds.
func Piece(limit time.Duration) time.Duration {
	return min(max(limit/10, 10*time.Millisecond), time.Second)
}

// AfterFunc calls f once, in a goroutine of its own, when the process could run
// for d. stop prevents that if it has not happened yet.
func AfterFunc(d time.Duration, f func()) (stop func()) {
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
	return func() {
		select {
		case <-ended:
		default:
			close(ended)
		}
	}
}
