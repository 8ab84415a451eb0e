package harness

import (
	"io"
	"sync"
)

// An inlet is a reader that can be ended by others while it waits for its
// source, which a read from a terminal or a pipe can't.
type inlet struct {
	*io.PipeReader
	source io.Reader
	writer *io.PipeWriter
	once   sync.Once
}

// inletSize is how much is read at once: as much as a large pipe holds.
const inletSize = 1 << 20

func newInlet(source io.Reader) *inlet {
	r, w := io.Pipe()
	i := &inlet{PipeReader: r, source: source, writer: w}
	// It ends with its source, or when what it has read then is not wanted any
	// more. In between it may stay in its last read.
	go func() {
		// The types hide ReadFrom and WriteTo, which have a small buffer.
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{source}, make([]byte, inletSize))
		i.end(err)
	}()
	return i
}

// cut ends the input.
func (i *inlet) cut() { i.end(nil) }

// end makes err what is read next; nil stands for io.EOF.
func (i *inlet) end(err error) { i.once.Do(func() { i.writer.CloseWithError(err) }) }
