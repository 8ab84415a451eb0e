package linkcache

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// An entry is one file: the linked binary as the linker wrote it, then the
// meta data as JSON, then a footer. The binary comes first so that a file
// system that can share blocks between files can share them here: a clone of
// the file cut to the binary's length is the binary.
//
//	footer: magic [8], binary length [8], meta length [4],
//	        CRC-32 IEEE and CRC-32C of the binary [4+4],
//	        CRC-32C of key, meta and the footer so far [4]
//
// The sums find damaged files, not forged ones: only the user can write into
// the cache's directory. Both run at memory speed on current processors, and
// together they are as strong as one sum of 64 bits.
//
// The user's cache program gets entries packed, with a magic of their own: zstd in
// the binary's place. Between machines that saves more time than it takes.
const (
	entryMagic  = "pgtlink1"
	packedMagic = "pgtlinkz"
	footerSize  = 32
	maxMeta     = 64 << 20
)

// meta is the part of an entry that describes the binary.
type meta struct {
	// Output is what the linker printed, usually warnings.
	Output []byte `json:",omitempty"`

	// Inputs are the files that the linker read and that the key does not
	// cover.
	Inputs []input `json:",omitempty"`

	// Took is how long the link took.
	Took time.Duration `json:",omitempty"`
}

var errDamaged = errors.New("damaged link cache entry")

// castagnoli returns the table of CRC-32C, which package crc32 makes on first
// use. Every tool of the go command starts through this program without it.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// sums are the two checksums of a binary.
type sums struct{ ieee, castagnoli uint32 }

func (s *sums) Write(p []byte) (int, error) {
	s.ieee = crc32.Update(s.ieee, crc32.IEEETable, p)
	s.castagnoli = crc32.Update(s.castagnoli, castagnoli(), p)
	return len(p), nil
}

// sumFile returns the sums of the first size bytes of f, which nobody else may
// write to. It returns an error if f is shorter. It maps the file where that is
// possible, because reading would copy it once more.
func sumFile(f *os.File, size int64) (sums, error) {
	var s sums
	if info, err := f.Stat(); err != nil {
		return s, err
	} else if info.Size() < size {
		return s, io.ErrUnexpectedEOF
	}
	if content, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED); err == nil {
		defer unix.Munmap(content)
		for piece := range slices.Chunk(content, sumPiece) {
			s.Write(piece)
		}
		return s, nil
	}
	_, err := io.CopyBuffer(&s, io.NewSectionReader(f, 0, size), make([]byte, sumPiece))
	return s, err
}

// sumPiece fits into a processor's cache, for the sums to be made of it there.
const sumPiece = 64 << 10

// check returns an error unless the sums of the first size bytes of f are s.
func (s sums) check(f *os.File, size int64) error {
	found, err := sumFile(f, size)
	if err == nil && found != s {
		err = errDamaged
	}
	return err
}

// A tail is what stands behind the binary in an entry.
type tail struct {
	meta meta
	size int64 // of the binary, and of what stands for it in the entry
	body int64
	sums sums
}

// writeEntry writes an entry to out, an empty file: the first t.size bytes of
// file, and the tail.
func writeEntry(out, file *os.File, k key, t tail) error {
	end, err := t.encode(entryMagic, k)
	if err != nil {
		return err
	}
	if err := copyFile(out, file, t.size); err != nil {
		return err
	}
	_, err = out.WriteAt(end, t.size)
	return err
}

func (t *tail) encode(magic string, k key) ([]byte, error) {
	end, err := json.Marshal(t.meta)
	if err != nil {
		return nil, err
	}
	metaSize := len(end)
	if metaSize > maxMeta {
		return nil, fmt.Errorf("link cache entry: %d bytes of meta data", metaSize)
	}
	end = append(end, magic...)
	end = binary.BigEndian.AppendUint64(end, uint64(t.size))
	end = binary.BigEndian.AppendUint32(end, uint32(metaSize))
	end = binary.BigEndian.AppendUint32(end, t.sums.ieee)
	end = binary.BigEndian.AppendUint32(end, t.sums.castagnoli)
	return binary.BigEndian.AppendUint32(end, tailSum(k, end)), nil
}

// tailSum returns the sum over key, meta data and footer.
func tailSum(k key, end []byte) uint32 {
	return crc32.Update(crc32.Checksum(k[:], castagnoli()), castagnoli(), end)
}

// readTail reads and checks an entry except what stands before the tail.
func readTail(f *os.File, magic string, k key) (tail, error) {
	info, err := f.Stat()
	if err != nil {
		return tail{}, err
	}
	if info.Size() < footerSize {
		return tail{}, errDamaged
	}
	footer := make([]byte, footerSize)
	if _, err := f.ReadAt(footer, info.Size()-footerSize); err != nil {
		return tail{}, err
	}
	metaSize := int64(binary.BigEndian.Uint32(footer[16:]))
	t := tail{
		size: int64(binary.BigEndian.Uint64(footer[8:])),
		body: info.Size() - footerSize - metaSize,
		sums: sums{ieee: binary.BigEndian.Uint32(footer[20:]), castagnoli: binary.BigEndian.Uint32(footer[24:])},
	}
	if string(footer[:8]) != magic || t.size < 0 || t.body < 0 || metaSize > maxMeta || magic == entryMagic && t.body != t.size {
		return tail{}, errDamaged
	}
	end := make([]byte, metaSize+footerSize-4)
	if _, err := f.ReadAt(end, t.body); err != nil {
		return tail{}, err
	}
	if tailSum(k, end) != binary.BigEndian.Uint32(footer[28:]) {
		return tail{}, errDamaged
	}
	if err := json.Unmarshal(end[:metaSize], &t.meta); err != nil {
		return tail{}, errDamaged
	}
	return t, nil
}

// extract has fill write the binary of an entry to the file output, which it
// creates or truncates with the mode that the linker would give it. What was
// written must have the size and the sums of t. If that or anything else fails,
// extract removes output. It closes the file before it returns: a file that is open
// for writing can't be executed.
func (t *tail) extract(output string, fill func(out *os.File) error) (err error) {
	// The linker also removes an old output first, which may be running.
	os.Remove(output)
	out, err := os.OpenFile(output, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o775)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			os.Remove(output)
		}
	}()
	if err := fill(out); err != nil {
		return err
	}
	return t.sums.check(out, t.size)
}

// copyFile copies the first size bytes of src to the empty file dst: as a clone
// where the file system can share blocks, else within the kernel where possible
// (os.File.ReadFrom uses copy_file_range on Linux).
func copyFile(dst, src *os.File, size int64) error {
	if clone(dst, src) == nil {
		return dst.Truncate(size)
	}
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.CopyN(dst, src, size)
	return err
}
