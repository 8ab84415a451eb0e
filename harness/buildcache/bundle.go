package buildcache

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// An id is a hash of the go command's: of an action, or of an output, whose SHA-256
// it is.
type id = [sha256.Size]byte

// An entry says what an action has put out.
type entry struct {
	output id
	size   int64
	time   int64 // of the put in nanoseconds since 1970; 0 is unknown
}

// A record is an entry and where its output is.
type record struct {
	action id
	entry
	path string
}

// A bundle is what a run of the go command asked for, packed with zstd: a magic, then
// for each record its action, output, size and time, the numbers in 8 bytes, and the
// output's content unless an earlier record had it. An index is the same without
// contents, and not packed.
const (
	magic      = "pgtest build cache 1\n"
	recordSize = 2*sha256.Size + 2*8
)

const (
	// maxContent bounds what a bundle unpacks to, in bytes.
	maxContent = 512 << 20
	// maxOutput bounds the outputs that a bundle has. It is for the many small ones.
	maxOutput = 32 << 20
	// maxRecords bounds how many a bundle has.
	maxRecords = 1 << 20
	window     = 1 << 20
)

var errDamaged = errors.New("damaged bundle")

func (r *record) append(to []byte) []byte {
	to = append(append(to, r.action[:]...), r.output[:]...)
	to = binary.BigEndian.AppendUint64(to, uint64(r.size))
	return binary.BigEndian.AppendUint64(to, uint64(r.time))
}

// readRecords calls each with what stands in from, until its end. each reads the
// content if there is one.
func readRecords(from io.Reader, each func(record) error) error {
	buf := make([]byte, recordSize)
	if _, err := io.ReadFull(from, buf[:len(magic)]); err != nil || string(buf[:len(magic)]) != magic {
		return errDamaged
	}
	for range maxRecords {
		switch _, err := io.ReadFull(from, buf); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		r := record{action: id(buf), entry: entry{
			output: id(buf[sha256.Size:]),
			size:   int64(binary.BigEndian.Uint64(buf[2*sha256.Size:])),
			time:   int64(binary.BigEndian.Uint64(buf[2*sha256.Size+8:])),
		}}
		if r.size < 0 || r.size > maxOutput {
			return errDamaged
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return errDamaged
}

// writeBundle writes the records and the files that they name. It goes on without
// those that are not there any more, or that would be too much.
func writeBundle(ctx context.Context, to io.Writer, records []record) error {
	packed, err := zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(window),
		zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	if err != nil {
		return err
	}
	defer packed.Close()
	w := bufio.NewWriterSize(packed, 64<<10)
	w.WriteString(magic)
	had, left := make(map[id]bool), int64(maxContent)
	for _, r := range records[:min(len(records), maxRecords)] {
		if err := ctx.Err(); err != nil {
			return err
		}
		if had[r.output] {
			w.Write(r.append(nil))
			continue
		}
		if r.size > min(left, maxOutput) {
			continue
		}
		content, err := os.ReadFile(r.path)
		if err != nil || int64(len(content)) != r.size || sha256.Sum256(content) != r.output {
			continue
		}
		had[r.output], left = true, left-r.size
		w.Write(r.append(nil))
		if _, err := w.Write(content); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return packed.Close()
}

// writers is how many outputs are written at once: most of the time goes into making
// files.
const writers = 4

// readBundle unpacks a bundle whose SHA-256 is sum into dir, an empty directory: a
// file for each output, by its id in hexadecimal, and the index.
func readBundle(from io.Reader, sum []byte, dir string) error {
	h := sha256.New()
	unpacked, err := zstd.NewReader(io.TeeReader(from, h), zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return err
	}
	defer unpacked.Close()
	content := bufio.NewReaderSize(unpacked, 64<<10)
	var writing errgroup.Group
	writing.SetLimit(writers)
	index := []byte(magic)
	sizes, left := make(map[id]int64), int64(maxContent)
	err = readRecords(content, func(r record) error {
		size, had := sizes[r.output]
		switch {
		case had && size != r.size:
			return errDamaged
		case !had:
			if left -= r.size; left < 0 {
				return errDamaged
			}
			output := make([]byte, r.size)
			if _, err := io.ReadFull(content, output); err != nil {
				return err
			}
			writing.Go(func() error {
				if sha256.Sum256(output) != r.output {
					return errDamaged
				}
				return os.WriteFile(filepath.Join(dir, name(r.output)), output, 0o600)
			})
			sizes[r.output] = r.size
		}
		index = r.append(index)
		return nil
	})
	if err = cmp.Or(err, writing.Wait()); err != nil {
		return err
	}
	if !bytes.Equal(h.Sum(nil), sum) {
		return errDamaged
	}
	return os.WriteFile(filepath.Join(dir, indexName), index, 0o600)
}
