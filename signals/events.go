//go:build unix

package signals

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pump turns signals into events until Finish.
//
// It also continues children that were stopped between fork and exec. Until its
// exec a child is a member of the job, with default actions, and a pager that
// touches the terminal in that instant stops it. The child is in a group of its
// own when the job is continued, so nobody else would continue it, and this
// process would wait for its exec.
func (c *Control) pump() {
	defer c.pumps.Done()
	for {
		select {
		case sig := <-c.sigs:
			if sig == unix.SIGCONT {
				c.conts.Add(1)
			}
			c.send(Event{Signal: sig.(syscall.Signal), continued: c.conts.Load()})
		case <-c.children:
			if !c.frozen.Load() {
				continueChildren(c.inherited)
			}
		case <-c.quit:
			return
		}
	}
}

// send waits until the run receives the event, or has finished.
func (c *Control) send(e Event) {
	select {
	case c.events <- e:
	case <-c.quit:
	}
}

// offer sends the event, or drops it if the channel of events is full.
func (c *Control) offer(e Event) {
	select {
	case c.events <- e:
	default:
	}
}

// A timer sends one event. After set or stop, an event that it sent earlier and
// that was not handled yet is void.
type timer struct {
	timer *time.Timer
	at    int
}

func (t *timer) set(c *Control, kind Kind, after time.Duration) {
	t.stop()
	e := Event{Kind: kind, of: t, at: t.at}
	t.timer = time.AfterFunc(after, func() { c.send(e) })
}

func (t *timer) stop() {
	t.at++
	if t.timer != nil {
		t.timer.Stop()
	}
}

// setTick schedules the next look at the terminal. A shell that puts a job into
// the foreground after starting it does so at once, so the first looks follow
// closely. Later a user's fg is noticed within a quarter of a second, at the
// cost of four system calls a second.
func (c *Control) setTick(again bool) {
	const shortest, longest = 4 * time.Millisecond, 256 * time.Millisecond
	switch {
	case !c.plan.watchful():
		c.tick.stop()
		return
	case c.Stopped():
		c.pause = time.Second // a stop takes effect at once, if it does
	case again:
		c.pause = min(2*c.pause, longest)
	default:
		c.pause = shortest
	}
	c.tick.set(c, Tick, max(c.pause, shortest))
}
