package history

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	// flushEvery is how much of a run's end is lost, if it is killed.
	flushEvery = 100 * time.Millisecond
	// queueLength bounds the writes that wait for the disk.
	queueLength = 64
	// maxEvents is the size of a file from which on outputs are left out.
	maxEvents = 64 << 20
	// linesPiece is how many bytes of test lines are compressed at once.
	linesPiece = 1 << 20
)

// patience is how long a run waits for a disk that takes nothing.
var patience = 2 * time.Second

var errSlow = errors.New("the disk takes nothing")

// A writer compresses what it is given, and writes it, on a goroutine of its
// own. Those who call it don't wait for the disk, except for patience once.
type writer struct {
	out   io.Writer
	queue chan piece
	free  chan []byte   // what held events, to be used again
	done  chan struct{} // closed when all is written
	err   error         // the first; set before done is closed

	abandon   sync.Once
	abandoned chan struct{} // closed when nothing more is taken
}

// A piece is something to write.
type piece struct {
	events []byte   // whole lines
	lines  []byte   // of tests
	end    *Summary // what stands behind all; nil while there is more
}

func newWriter(out io.Writer) *writer {
	w := &writer{out: out, queue: make(chan piece, queueLength), free: make(chan []byte, queueLength), done: make(chan struct{}), abandoned: make(chan struct{})}
	go func() {
		defer close(w.done)
		w.err = w.work()
		for range w.queue { // so that nobody waits
		}
	}()
	return w
}

// clone returns a copy of events, for put.
func (w *writer) clone(events []byte) []byte {
	select {
	case b := <-w.free:
		return append(b, events...)
	default:
		return bytes.Clone(events)
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

// finish waits until all is written. Nothing may be put after it.
func (w *writer) finish() error {
	close(w.queue)
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
	options := []zstd.EOption{zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1 << 20), zstd.WithLowerEncoderMem(true)}
	events, err := zstd.NewWriter(counted, options...)
	if err != nil {
		return err
	}
	defer events.Close()
	lines, err := zstd.NewWriter(nil, options...)
	if err != nil {
		return err
	}
	defer lines.Close()
	var tests, held []byte // of lines: compressed, and not yet
	timer := time.NewTimer(flushEvery)
	timer.Stop()
	waits := false // for the timer
	for {
		select {
		case p, more := <-w.queue:
			if !more {
				return nil
			}
			if counted.size > maxEvents {
				p.events = withoutOutputs(p.events)
			}
			if len(p.events) > 0 {
				if _, err := events.Write(p.events); err != nil {
					return err
				}
				select {
				case w.free <- p.events[:0]:
				default:
				}
				if !waits {
					timer.Reset(flushEvery)
					waits = true
				}
			}
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
				waits = false
			}
		case <-timer.C:
			waits = false
			if err := events.Flush(); err != nil {
				return err
			}
		}
	}
}

// withoutOutputs leaves the outputs out of lines of events.
func withoutOutputs(lines []byte) []byte {
	var rest []byte
	for line := range bytes.Lines(lines) {
		if !bytes.Contains(line[:min(len(line), 200)], []byte(`"Action":"output"`)) {
			rest = append(rest, line...)
		}
	}
	return rest
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
