package linkcache

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/klauspost/compress/zstd"
)

// packWindow is how far back a packed binary refers to itself. A larger one saves
// little, and takes memory of each link.
const packWindow = 1 << 20

// A packer packs entries for the cache program, one after the other. dir is for its
// temporary files.
type packer struct {
	dir     string
	encoder *zstd.Encoder
}

// pack returns the entry with key k as the program gets it, in a file without a name
// that the caller must close. A damaged entry is an error.
func (p *packer) pack(entry *os.File, k key) (packed *os.File, err error) {
	t, err := readTail(entry, entryMagic, k)
	if err != nil {
		return nil, err
	}
	end, err := t.encode(packedMagic, k)
	if err != nil {
		return nil, err
	}
	packed, err = os.CreateTemp(p.dir, tempPrefix)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			packed.Close()
		}
	}()
	if err := os.Remove(packed.Name()); err != nil {
		return nil, err
	}
	if p.encoder == nil {
		p.encoder, err = zstd.NewWriter(packed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(packWindow),
			zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
		if err != nil {
			return nil, err
		}
	} else {
		p.encoder.Reset(packed)
	}
	var found sums
	if _, err := io.Copy(io.MultiWriter(p.encoder, &found), io.NewSectionReader(entry, 0, t.size)); err != nil {
		return nil, err
	}
	if found != t.sums {
		return nil, errDamaged
	}
	if err := p.encoder.Close(); err != nil {
		return nil, err
	}
	if _, err := packed.Write(end); err != nil {
		return nil, err
	}
	_, err = packed.Seek(0, io.SeekStart)
	return packed, err
}

// unpack writes the binary of a packed entry to out. The whole entry must have the
// output id.
func (t *tail) unpack(out io.Writer, entry *os.File, outputID []byte) error {
	id := sha256.New()
	frame := io.TeeReader(io.NewSectionReader(entry, 0, t.body), id)
	decoder, err := zstd.NewReader(frame, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(packWindow))
	if err != nil {
		return err
	}
	defer decoder.Close()
	n, err := io.Copy(out, io.LimitReader(decoder, t.size+1))
	var file *fs.PathError
	switch {
	case errors.As(err, &file):
		return err
	case err != nil || n != t.size:
		return errDamaged
	}
	if _, err := io.Copy(id, io.NewSectionReader(entry, t.body, footerSize+maxMeta)); err != nil {
		return err
	}
	if !bytes.Equal(id.Sum(nil), outputID) {
		return errDamaged
	}
	return nil
}
