package jsonstream

import (
	"bytes"
	"io"
)

const (
	// A read is of firstRead bytes, and of more as long as they are filled: up
	// to readSize.
	firstRead = 8 << 10
	readSize  = 256 << 10
	// maxLine is the longest line that is held in memory. go's own lines are
	// below 10 kB.
	maxLine = 1 << 20
)

// lineReader splits a stream into lines. Lines longer than maxLine come in
// pieces.
type lineReader struct {
	r     io.Reader
	idle  func() // called before each read, which may block
	buf   []byte
	start int // of what is not returned yet
	end   int
	seen  int // bytes after start that hold no newline
	err   error
}

// next returns the next piece with its line end, if it has one. whole says that
// the piece ends its line (or the stream does). The piece is valid until the
// next call. At the end err is that of the reader and the piece is empty.
func (l *lineReader) next() (piece []byte, whole bool, err error) {
	for {
		if i := bytes.IndexByte(l.buf[l.start+l.seen:l.end], '\n'); i >= 0 {
			return l.take(l.seen + i + 1), true, nil
		}
		l.seen = l.end - l.start
		switch {
		case l.seen >= maxLine:
			return l.take(l.seen), false, nil
		case l.err != nil && l.seen > 0:
			return l.take(l.seen), true, nil
		case l.err != nil:
			return nil, true, l.err
		}
		l.fill()
	}
}

func (l *lineReader) take(n int) []byte {
	piece := l.buf[l.start : l.start+n]
	l.start += n
	l.seen = 0
	return piece
}

// fill reads once more, after making room. A buffer that was filled is too small:
// for the line, or for what the stream has ready.
func (l *lineReader) fill() {
	filled := l.end == len(l.buf)
	rest := l.buf[l.start:l.end]
	switch {
	case filled && (len(l.buf) < readSize || len(rest) == len(l.buf)):
		l.buf = make([]byte, max(firstRead, 2*len(l.buf)))
		fallthrough
	case filled || len(rest) == 0:
		l.start, l.end = 0, copy(l.buf, rest)
	}
	l.idle()
	n, err := l.r.Read(l.buf[l.end:])
	l.end += n
	l.err = err
}
