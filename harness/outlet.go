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

// An outlet is a writer that nobody has to wait for: it can be posted to, and
// abandoned when its reader takes nothing any more. One goroutine writes.
type outlet struct {
	w     io.Writer
	jobs  chan func()
	given chan struct{} // closed when it is abandoned
	hurry sync.Once
	ended chan struct{} // closed when the goroutine has ended
	since atomic.Int64  // when the present write began, in Unix nanoseconds; 0 for none
}

// errAbandoned is the error of writing to an abandoned outlet.
var errAbandoned = errors.New("the output is not read")

// postLimit is how many lines wait while the reader is slow. More are dropped.
const postLimit = 64

func newOutlet(w io.Writer) *outlet {
	o := &outlet{w: w, jobs: make(chan func(), postLimit), given: make(chan struct{}), ended: make(chan struct{})}
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

// Write writes p and waits until that is done, or the outlet is abandoned.
func (o *outlet) Write(p []byte) (int, error) {
	// The writing goroutine may still have the bytes when Write gave up.
	text, err := bytes.Clone(p), error(nil)
	if abandoned := o.do(func() { _, err = o.w.Write(text) }); abandoned != nil {
		return 0, abandoned
	}
	return len(p), err
}

// do calls f between two writes, and waits until that is done, or the outlet is
// abandoned.
func (o *outlet) do(f func()) error {
	done := make(chan struct{})
	select {
	case o.jobs <- func() { defer close(done); f() }:
	case <-o.given:
		return errAbandoned
	}
	select {
	case <-done:
		return nil
	case <-o.given:
		return errAbandoned
	}
}

// tryDo calls f between two writes, some time later. It reports whether it will:
// not if the reader is far behind.
func (o *outlet) tryDo(f func()) bool {
	select {
	case o.jobs <- f:
		return true
	default:
		return false
	}
}

// post writes text some time later, or not at all if the reader is far behind.
func (o *outlet) post(text string) { o.tryDo(func() { io.WriteString(o.w, text) }) }

// stuckLimit is how long a write takes that is not expected to end.
const stuckLimit = 2 * time.Second

// abandonWhenStuck fails the present write and all that follow as soon as one
// takes long: at once, if one has.
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
		close(o.given)
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
	case <-o.given:
	}
}

// posts is an outlet as a writer that nobody waits for: each write is posted.
type posts struct{ *outlet }

func (p posts) Write(text []byte) (int, error) {
	p.post(string(text))
	return len(text), nil
}

// readerWatch passes writes on, and closes a channel when one of them finds that
// nobody reads any more.
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
