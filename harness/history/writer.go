package history

import (
	"cmp"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	// flushEvery is how much of a run's end is lost, if it is killed.
	flushEvery = 100 * time.Millisecond
	// queueLength bounds the writes that wait for the disk.
	queueLength = 64
	// batchSize is how much is compressed at once, or less if that takes longer
	// than flushEvery.
	batchSize = 128 << 10
	// writeSize is how much is written at once, or less, as above.
	writeSize = 64 << 10
	// maxEvents is the size of a file from which on outputs are left out.
	maxEvents = 64 << 20
	// linesPiece is how many bytes of test lines are compressed at once.
	linesPiece = 1 << 20
)

// patience is how long a run waits for a disk that takes nothing.
var patience = 2 * time.Second

var errSlow = errors.New("the disk takes nothing")

// A writer packs and compresses what it is given, while that is still in the
// processor's cache, and writes it on a goroutine of its own. Those who call it
// don't wait for the disk, except for patience once.
type writer struct {
	out   io.Writer
	queue chan []byte
	free  chan []byte   // what was written, to be used again
	done  chan struct{} // closed when all is written
	err   error         // the first; set before done is closed
	ended atomic.Bool   // nothing more will be written

	mu     sync.Mutex // of what follows
	pack   packer
	batch  []byte // scratch
	events *zstd.Encoder
	lines  *zstd.Encoder
	tests  []byte      // lines, compressed
	held   []byte      // lines, not yet
	ready  buffer      // for the queue
	failed error       // the first of compressing
	timer  *time.Timer // flushes
	waits  bool        // for the timer

	abandon   sync.Once
	abandoned chan struct{} // closed when nothing more is taken
}

// A buffer is where an encoder writes.
type buffer struct {
	text []byte
	size int64 // of all that was ever in it
}

func (b *buffer) Write(p []byte) (int, error) {
	b.text = append(b.text, p...)
	b.size += int64(len(p))
	return len(p), nil
}

func newWriter(out io.Writer) *writer {
	w := &writer{out: out, queue: make(chan []byte, queueLength), free: make(chan []byte, queueLength), done: make(chan struct{}), abandoned: make(chan struct{})}
	w.events, w.failed = newEncoder(&w.ready)
	if w.failed == nil {
		w.lines, w.failed = newEncoder(nil)
	}
	w.timer = time.AfterFunc(flushEvery, w.flush)
	w.timer.Stop()
	go w.work()
	return w
}

// add takes lines of events.
func (w *writer) add(lines []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil || w.ended.Load() {
		return
	}
	w.pack.withoutOutputs = w.ready.size > maxEvents
	w.pack.add(lines)
	if w.pack.size() >= batchSize {
		w.compress()
	}
	if len(w.ready.text) >= writeSize {
		w.put()
	}
	if !w.waits {
		w.waits = true
		w.timer.Reset(flushEvery)
	}
}

// compress takes what was added since it was called last.
func (w *writer) compress() {
	if w.failed == nil && w.pack.size() > 0 {
		w.batch = w.pack.take(w.batch[:0])
		_, w.failed = w.events.Write(w.batch)
	}
}

// addLines takes lines of tests.
func (w *writer) addLines(lines []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, lines...)
	if len(w.held) >= linesPiece && w.failed == nil {
		w.tests, w.held = w.lines.EncodeAll(w.held, w.tests), w.held[:0]
	}
}

func (w *writer) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.waits {
		return
	}
	w.waits = false
	w.compress()
	if w.failed == nil {
		w.failed = w.events.Flush()
	}
	w.put()
}

// put hands over what is ready to be written.
func (w *writer) put() {
	if len(w.ready.text) == 0 {
		return
	}
	text := w.ready.text
	select {
	case w.ready.text = <-w.free:
	default:
		w.ready.text = nil
	}
	select {
	case w.queue <- text:
		return
	case <-w.abandoned:
		return
	default:
	}
	select {
	case w.queue <- text:
	case <-w.abandoned:
	case <-time.After(patience):
		w.ended.Store(true)
		w.abandon.Do(func() { close(w.abandoned) })
	}
}

// finish waits until all is written, with an end unless that is nil. Nothing may
// be added after it.
func (w *writer) finish(end *Summary) error {
	w.mu.Lock()
	w.timer.Stop()
	w.waits = false // a flush that has begun finds nothing to do
	w.close(end)
	w.put()
	close(w.queue)
	failed := w.failed
	w.mu.Unlock()
	select {
	case <-w.done:
		return cmp.Or(failed, w.err)
	case <-w.abandoned:
	case <-time.After(patience):
	}
	return errSlow
}

// close ends what is compressed, and puts the end of the run behind it.
func (w *writer) close(end *Summary) {
	w.compress()
	if w.failed != nil {
		return
	}
	if w.failed = w.events.Close(); w.failed != nil || end == nil {
		return
	}
	var text []byte
	text, w.failed = encodeEnd(w.lines.EncodeAll(w.held, w.tests), *end)
	w.ready.Write(text)
	w.lines.Close()
}

// work writes until there is no more.
func (w *writer) work() {
	defer close(w.done)
	for text := range w.queue {
		if w.err != nil {
			continue // so that nobody waits
		}
		if _, w.err = w.out.Write(text); w.err != nil {
			w.ended.Store(true)
		}
		select {
		case w.free <- text[:0]:
		default:
		}
	}
}

// newEncoder returns an encoder that does its work where it is called.
func newEncoder(to io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(false))
}
