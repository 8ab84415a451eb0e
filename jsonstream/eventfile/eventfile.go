// Package eventfile opens files of events in all forms in which they travel: as
// --jsonfile writes them, compressed with zstd(1), or as a run that was exported from
// the history. It does not read the events.
package eventfile

import (
	"bytes"
	"errors"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// A File is an open file of events.
type File interface {
	io.ReadCloser
	// Name is the path with which it was opened.
	Name() string
}

// Open opens a file of events. What it returns is an [io.Seeker] unless the file is
// compressed, and the [os.File] itself then; a compressed file ends where it was cut
// off. What comes through a pipe is returned as it is.
func Open(path string) (File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	start := make([]byte, 4)
	n, _ := in.ReadAt(start, 0) // of a pipe nothing
	if !isCompressed(start[:n]) {
		return in, nil
	}
	d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		in.Close()
		return nil, err
	}
	return &compressed{d, in}, nil
}

// isCompressed reports whether a file begins with a frame of zstd. That of a run of the
// history is one that zstd skips.
func isCompressed(start []byte) bool {
	return bytes.Equal(start, []byte{0x28, 0xB5, 0x2F, 0xFD}) ||
		len(start) == 4 && start[0]&0xF0 == 0x50 && bytes.Equal(start[1:], []byte{0x2A, 0x4D, 0x18})
}

// compressed is a file that ends where it was cut off.
type compressed struct {
	*zstd.Decoder
	in *os.File
}

func (c *compressed) Read(p []byte) (int, error) {
	n, err := c.Decoder.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

func (c *compressed) Name() string { return c.in.Name() }

func (c *compressed) Close() error {
	c.Decoder.Close()
	return c.in.Close()
}
