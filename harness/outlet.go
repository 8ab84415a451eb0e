package harness

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// An outlet is a writer that nobody has to wait for: it can be posted to, and
// abandoned when its reader takes nothing any more. One goroutine writes.
type outlet struct {
	jobs  chan job
	given chan struct{} // closed when it is abandoned
	once  sync.Once
	ended chan struct{} // closed when the goroutine has ended
	since atomic.Int64  // when the present write began, in Unix nanoseconds; 0 for none
}

// job is something to write; who waits for it reads done.
type job struct {
	bytes []byte
	done  chan error // with room for one; nil if nobody waits
}

// errAbandoned is the error of writing to an abandoned outlet.
var errAbandoned = errors.New("the output is not read")

// postLimit is how many lines wait while the reader is slow. More are dropped.
const postLimit = 64

func newOutlet(w io.Writer) *outlet {
	o := &outlet{jobs: make(chan job, postLimit), given: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(o.ended)
		for j := range o.jobs {
			o.since.Store(time.Now().UnixNano())
			_, err := w.Write(j.bytes)
			o.since.Store(0)
			if j.done != nil {
				j.done <- err
			}
		}
	}()
	return o
}

// Write writes p and waits until that is done, or the outlet is abandoned.
func (o *outlet) Write(p []byte) (int, error) {
	// The writing goroutine may still have the bytes when Write gave up.
	j := job{bytes: append([]byte(nil), p...), done: make(chan error, 1)}
	select {
	case o.jobs <- j:
	case <-o.given:
		return 0, errAbandoned
	}
	select {
	case err := <-j.done:
		return len(p), err
	case <-o.given:
		return 0, errAbandoned
	}
}

// post writes text some time later, or not at all if the reader is far behind.
func (o *outlet) post(text string) {
	select {
	case o.jobs <- job{bytes: []byte(text)}:
	default:
	}
}

// stuckLimit is how long a write takes that is not expected to end.
const stuckLimit = 2 * time.Second

// abandonIfStuck fails the present write and all that follow, if it takes long.
func (o *outlet) abandonIfStuck() {
	since := o.since.Load()
	if since != 0 && time.Since(time.Unix(0, since)) > stuckLimit {
		o.once.Do(func() { close(o.given) })
	}
}

// close waits until everything is written. The goroutine of an abandoned outlet
// may stay in its last write. Nothing may be written after close.
func (o *outlet) close() {
	close(o.jobs)
	select {
	case <-o.ended:
	case <-o.given:
	}
}
