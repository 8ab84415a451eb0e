package harness

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// An outlet is a writer whose callers need not wait for its reader: text can be
// posted, and the outlet abandoned when its reader stops reading. One goroutine
// writes.
type outlet struct {
	w         io.Writer
	jobs      chan func()
	abandoned chan struct{} // closed when the outlet is abandoned
	hurry     sync.Once
	ended     chan struct{} // closed when the goroutine has ended
	muted     atomic.Bool   // what is written from now on is dropped
	since     atomic.Int64  // when the present write began, in Unix nanoseconds; 0 for none
}

// errAbandoned is the error of writing to an abandoned outlet.
var errAbandoned = errors.New("the output is not read")

// postLimit bounds the lines that wait while the reader is slow. Further lines
// are dropped.
const postLimit = 64

func newOutlet(w io.Writer) *outlet {
	o := &outlet{w: w, jobs: make(chan func(), postLimit), abandoned: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(o.ended)
		for job := range o.jobs {
			o.since.Store(time.Now().UnixNano())
			job()
			o.since.Store(0)
		}
	}()
	return o
}

// Write writes p and returns when that is done or the outlet is abandoned.
func (o *outlet) Write(p []byte) (int, error) {
	// The writing goroutine may still use the bytes after Write has returned.
	text, err := bytes.Clone(p), error(nil)
	if abandoned := o.do(func() { _, err = o.writeUnlessMuted(text) }); abandoned != nil {
		return 0, abandoned
	}
	return len(p), err
}

// do calls f between two writes, and returns when that is done or the outlet is
// abandoned.
func (o *outlet) do(f func()) error {
	done := make(chan struct{})
	select {
	case o.jobs <- func() { defer close(done); f() }:
	case <-o.abandoned:
		return errAbandoned
	}
	select {
	case <-done:
		return nil
	case <-o.abandoned:
		return errAbandoned
	}
}

// tryDo has f called between two writes, without waiting for it. It returns
// false, and f is not called, if the reader is far behind.
func (o *outlet) tryDo(f func()) bool {
	select {
	case o.jobs <- f:
		return true
	default:
		return false
	}
}

// post writes text some time later, or drops it if the reader is far behind.
func (o *outlet) post(text string) { o.tryDo(func() { o.writeUnlessMuted([]byte(text)) }) }

func (o *outlet) writeUnlessMuted(text []byte) (int, error) {
	if o.muted.Load() {
		return len(text), nil
	}
	return o.w.Write(text)
}

// stuckLimit is the duration after which a write counts as stuck.
const stuckLimit = 2 * time.Second

// abandonWhenStuck abandons the outlet as soon as a write is stuck: at once, if
// one is. The present write and all that follow then fail.
func (o *outlet) abandonWhenStuck() { o.hurry.Do(o.abandonIfStuck) }

func (o *outlet) abandonIfStuck() {
	select {
	case <-o.ended:
		return
	default:
	}
	left := stuckLimit
	if since := o.since.Load(); since != 0 {
		left -= time.Since(time.Unix(0, since))
	}
	if left <= 0 {
		close(o.abandoned)
		return
	}
	time.AfterFunc(left, o.abandonIfStuck)
}

// close waits until everything is written. The goroutine of an abandoned outlet
// may stay in its last write. Nothing may be written after close.
func (o *outlet) close() {
	close(o.jobs)
	select {
	case <-o.ended:
	case <-o.abandoned:
	}
}

// posts is an outlet as a writer that nobody waits for: each write is posted.
type posts struct{ *outlet }

func (p posts) Write(text []byte) (int, error) {
	p.post(string(text))
	return len(text), nil
}

// A readerWatch passes writes on, and closes a channel when one of them fails
// because the reader is gone.
type readerWatch struct {
	w      io.Writer
	closed chan struct{}
	once   sync.Once
}

func (r *readerWatch) Write(p []byte) (int, error) {
	n, err := r.w.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		r.once.Do(func() { close(r.closed) })
	}
	return n, err
}
