package event

import (
	"bytes"
	"io"
	"time"
)

const (
	// A read is of firstRead bytes, and of more as long as they are filled: up
	// to ReadSize.
	firstRead = 8 << 10
	ReadSize  = 256 << 10
	// MaxLine is the longest line that is held in memory. go's own lines are
	// below 10 kB.
	MaxLine = 1 << 20
)

// Lines splits a stream into lines. Lines longer than MaxLine come in pieces.
type Lines struct {
	r     io.Reader
	idle  func() // called before each read, which may block
	buf   []byte
	start int // of what is not returned yet
	end   int
	seen  int // bytes after start that hold no newline
	err   error
	pace  pace
}

// NewLines returns the lines of r, a pipe that holds so many bytes; 0 stands for
// any other reader. It calls idle before each read, which may block.
func NewLines(r io.Reader, holds int, idle func()) *Lines {
	return &Lines{r: r, idle: idle, pace: pace{holds: holds}}
}

// Held returns how much memory the lines have.
func (l *Lines) Held() int { return cap(l.buf) }

// Next returns the next piece with its line end, if it has one. whole says that
// the piece ends its line (or the stream does). The piece is valid until the
// next call. At the end err is that of the reader and the piece is empty.
func (l *Lines) Next() (piece []byte, whole bool, err error) {
	for {
		if i := bytes.IndexByte(l.buf[l.start+l.seen:l.end], '\n'); i >= 0 {
			return l.take(l.seen + i + 1), true, nil
		}
		l.seen = l.end - l.start
		switch {
		case l.seen >= MaxLine:
			return l.take(l.seen), false, nil
		case l.err != nil && l.seen > 0:
			return l.take(l.seen), true, nil
		case l.err != nil:
			return nil, true, l.err
		}
		l.fill()
	}
}

func (l *Lines) take(n int) []byte {
	piece := l.buf[l.start : l.start+n]
	l.start += n
	l.seen = 0
	return piece
}

// fill reads once more, after making room. A buffer that was filled is too small:
// for the line, or for what the stream has ready.
func (l *Lines) fill() {
	filled := l.end == len(l.buf)
	rest := l.buf[l.start:l.end]
	switch {
	case filled && (len(l.buf) < ReadSize || len(rest) == len(l.buf)):
		l.buf = make([]byte, max(firstRead, 2*len(l.buf)))
		fallthrough
	case filled || len(rest) == 0:
		l.start, l.end = 0, copy(l.buf, rest)
	}
	l.idle()
	room := l.buf[l.end:]
	n, err := l.pace.read(l.r, room)
	l.end += n
	l.err = err
}

// pace keeps a reader from waking up for each line of a stream that is written
// line by line: it pauses while small reads follow each other fast, so that the
// next one finds more. Nothing waits that came alone: what was read is handled
// before the pause, and there is none if the stream had been silent.
//
//	the latest read                               before the next
//	had to wait for as long as a pause, with the
//	one before it if there was one                no pause
//	was of all it had room for                    no pause
//	was of little                                 a pause, twice as long as the last
//	was of much                                   a pause, half as long as the last
//	otherwise                                     a pause as long as the last
//
// Little is less than an eighth of what the pipe holds and much more than a
// quarter, so that a pause does not make the writer wait.
type pace struct {
	holds int           // bytes that the pipe holds; 0 stands for smallPipe
	wait  time.Duration // before the next read

	now   func() time.Time    // nil for the system's
	sleep func(time.Duration) // nil for the system's
}

const (
	// A pause is as long as minPause to maxPause: so short that nobody sees it,
	// and long enough for go to write some hundred lines.
	minPause = 500 * time.Microsecond
	maxPause = 4 * time.Millisecond
	// atOnce is less than a read takes that finds nothing and has to wait.
	atOnce = 50 * time.Microsecond
	// smallPipe is what a pipe holds that can't be enlarged.
	smallPipe = 64 << 10
)

func (p *pace) read(r io.Reader, room []byte) (int, error) {
	if p.now == nil {
		p.now, p.sleep = time.Now, time.Sleep
	}
	silence := minPause
	if p.wait > 0 {
		p.sleep(p.wait)
		silence = atOnce
	}
	holds := max(p.holds, smallPipe)
	before := p.now()
	n, err := r.Read(room)
	switch {
	case n == len(room), p.now().Sub(before) >= silence:
		p.wait = 0
	case n < holds/8:
		p.wait = min(max(2*p.wait, minPause), maxPause)
	case n > holds/4:
		p.wait /= 2
	}
	return n, err
}
