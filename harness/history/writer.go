package history

import (
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
	batchSize = 64 << 10
	// maxEvents is the size of a file from which on outputs are left out.
	maxEvents = 64 << 20
	// linesPiece is how many bytes of test lines are compressed at once.
	linesPiece = 1 << 20
)

// patience is how long a run waits for a disk that takes nothing.
var patience = 2 * time.Second

var errSlow = errors.New("the disk takes nothing")

// A writer packs what it is given, and compresses and writes it on a goroutine
// of its own. Those who call it don't wait for the disk, except for patience once.
type writer struct {
	out   io.Writer
	queue chan piece
	free  chan []byte   // what held batches, to be used again
	large atomic.Bool   // outputs are to be left out
	done  chan struct{} // closed when all is written
	err   error         // the first; set before done is closed

	mu    sync.Mutex // of what follows
	pack  packer
	timer *time.Timer // flushes
	waits bool        // for the timer

	abandon   sync.Once
	abandoned chan struct{} // closed when nothing more is taken
}

// A piece is something to write.
type piece struct {
	events []byte   // a batch
	flush  bool     // all batches have to be in the file
	lines  []byte   // of tests
	end    *Summary // what stands behind all; nil while there is more
}

func newWriter(out io.Writer) *writer {
	w := &writer{out: out, queue: make(chan piece, queueLength), free: make(chan []byte, queueLength), done: make(chan struct{}), abandoned: make(chan struct{})}
	w.timer = time.AfterFunc(flushEvery, w.flush)
	w.timer.Stop()
	go func() {
		defer close(w.done)
		w.err = w.work()
		for range w.queue { // so that nobody waits
		}
	}()
	return w
}

// add takes lines of events.
func (w *writer) add(lines []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pack.withoutOutputs = w.large.Load()
	w.pack.add(lines)
	if w.pack.size() >= batchSize {
		w.put(piece{events: w.batch()})
	}
	if !w.waits {
		w.waits = true
		w.timer.Reset(flushEvery)
	}
}

// batch returns what was added since the last one.
func (w *writer) batch() []byte {
	if w.pack.size() == 0 {
		return nil
	}
	var room []byte
	select {
	case room = <-w.free:
	default:
	}
	return w.pack.take(room)
}

func (w *writer) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waits {
		w.waits = false
		w.put(piece{events: w.batch(), flush: true})
	}
}

// put takes a piece.
func (w *writer) put(p piece) {
	select {
	case w.queue <- p:
		return
	case <-w.abandoned:
		return
	default:
	}
	select {
	case w.queue <- p:
	case <-w.abandoned:
	case <-time.After(patience):
		w.abandon.Do(func() { close(w.abandoned) })
	}
}

// finish waits until all is written, with an end unless that is nil. Nothing may
// be put after it.
func (w *writer) finish(end *Summary) error {
	w.mu.Lock()
	w.timer.Stop()
	w.waits = false // a flush that has begun finds nothing to do
	w.put(piece{events: w.batch(), end: end})
	close(w.queue)
	w.mu.Unlock()
	select {
	case <-w.done:
		return w.err
	case <-w.abandoned:
	case <-time.After(patience):
	}
	return errSlow
}

// work writes until there is no more.
func (w *writer) work() error {
	counted := &counter{w: w.out}
	events, err := newEncoder(counted)
	if err != nil {
		return err
	}
	defer events.Close()
	lines, err := newEncoder(nil)
	if err != nil {
		return err
	}
	defer lines.Close()
	var tests, held []byte // of lines: compressed, and not yet
	for p := range w.queue {
		if len(p.events) > 0 {
			if _, err := events.Write(p.events); err != nil {
				return err
			}
			select {
			case w.free <- p.events[:0]:
			default:
			}
		}
		if p.flush {
			if err := events.Flush(); err != nil {
				return err
			}
		}
		w.large.Store(counted.size > maxEvents)
		held = append(held, p.lines...)
		if len(held) >= linesPiece {
			tests, held = lines.EncodeAll(held, tests), held[:0]
		}
		if p.end != nil {
			if err := events.Close(); err != nil {
				return err
			}
			end, err := encodeEnd(lines.EncodeAll(held, tests), *p.end)
			if err != nil {
				return err
			}
			if _, err := counted.Write(end); err != nil {
				return err
			}
		}
	}
	return nil
}

// newEncoder returns an encoder that does its work where it is called.
func newEncoder(to io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
}

// counter counts what is written.
type counter struct {
	w    io.Writer
	size int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.size += int64(n)
	return n, err
}
