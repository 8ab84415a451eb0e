package event

import (
	"bufio"
	"bytes"
	"io"
	"time"
)

const (
	// ReadSize is the most that is read at once.
	ReadSize = 256 << 10
	// MaxLine is the longest line that is held in memory. go's own lines are
	// below 10 kB.
	MaxLine = 1 << 20
)

// Lines splits a stream into lines. Lines longer than MaxLine come in pieces.
type Lines struct {
	r    *bufio.Reader // has room for MaxLine once a line needs it
	pace *pace
}

// NewLines returns the lines of r, a pipe that holds so many bytes; 0 stands
// for any other reader. It calls idle before each read, which may block.
func NewLines(r io.Reader, holds int, idle func()) *Lines {
	return newLines(&pace{r: r, idle: idle, holds: holds, now: time.Now, sleep: time.Sleep})
}

// newLines makes room for one read and for the line that it completes.
func newLines(p *pace) *Lines { return &Lines{bufio.NewReaderSize(p, 2*ReadSize), p} }

// Next returns the next piece with its line end, if it has one. whole says that
// the piece ends its line (or the stream does). The piece is valid until the
// next call. At the end err is that of the reader and the piece is empty.
func (l *Lines) Next() (piece []byte, whole bool, err error) {
	piece, err = l.r.ReadSlice('\n')
	switch {
	case err == bufio.ErrBufferFull && l.r.Size() < MaxLine:
		l.r = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(piece), l.pace), MaxLine)
		return l.Next()
	case err == bufio.ErrBufferFull:
		return piece, false, nil
	case len(piece) > 0:
		return piece, true, nil // an error comes again
	}
	return nil, true, err
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
	r     io.Reader
	idle  func()        // called before each pause and read
	holds int           // bytes that the pipe holds; 0 stands for smallPipe
	wait  time.Duration // before the next read
	err   error         // of the latest read, which is the last if it has one

	now   func() time.Time
	sleep func(time.Duration)
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

// Read implements io.Reader.
func (p *pace) Read(room []byte) (n int, err error) {
	if p.err != nil {
		return 0, p.err
	}
	p.idle()
	silence := minPause
	if p.wait > 0 {
		p.sleep(p.wait)
		silence = atOnce
	}
	room = room[:min(len(room), ReadSize)]
	holds := max(p.holds, smallPipe)
	before := p.now()
	n, p.err = p.r.Read(room)
	switch {
	case n == len(room), p.now().Sub(before) >= silence:
		p.wait = 0
	case n < holds/8:
		p.wait = min(max(2*p.wait, minPause), maxPause)
	case n > holds/4:
		p.wait /= 2
	}
	return n, p.err
}
