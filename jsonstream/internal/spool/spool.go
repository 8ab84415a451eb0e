// Package spool holds outputs of tests until it is known who wants them: in
// memory, and beyond its bounds in a temporary file without a name.
package spool

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"iter"
	"os"
	"slices"

	"pgtest/jsonstream/event"
)

// How much output waits in memory before it goes to the spool file: of one
// buffer, and of all buffers of a spool together.
const (
	BufferLimit = 256 << 10
	Limit       = 8 << 20
)

// A Spool holds outputs of tests until it is known who wants them: in memory,
// and beyond its limits in one temporary file, which has no name and so is gone
// with the process. If there is no room for the file, memory has to do. It is
// not safe for concurrent use.
type Spool struct {
	dir    string // for the file; empty is the system's choice
	used   int    // capacity of all buffers' memory
	live   []*Buffer
	file   *os.File
	size   int64
	broken bool  // the file can't be used: no more spilling
	err    error // the first of reading the file
	free   [][]byte
}

// A Buffer is a sequence of records, such as the outputs of one test. The zero
// Buffer is empty. It belongs to the Spool that records are added by.
type Buffer struct {
	extents []extent // older records, in the spool's file
	mem     []byte   // newer records: length in 4 bytes, content
	live    int      // index in spool.live plus one; 0 if mem is nil
	size    int64    // of the records
}

type extent struct{ off, len int64 }

// Empty reports whether the buffer has no record.
func (b *Buffer) Empty() bool { return len(b.extents) == 0 && len(b.mem) == 0 }

// New returns a spool whose file is made in dir; "" is the system's directory
// for temporary files.
func New(dir string) *Spool { return &Spool{dir: dir} }

// Used returns how much memory all buffers have.
func (s *Spool) Used() int { return s.used }

// Err returns the first error of reading the file.
func (s *Spool) Err() error { return s.err }

// Add appends a record and returns it, valid until the next Add to any buffer.
func (s *Spool) Add(b *Buffer, t event.Text) []byte {
	if !s.broken && len(b.mem) >= BufferLimit {
		s.spill(b)
	}
	if !s.broken && s.used >= Limit {
		s.spillAll()
	}
	if b.mem == nil {
		s.adopt(b)
	}
	before := cap(b.mem)
	start := len(b.mem)
	b.mem = append(b.mem, 0, 0, 0, 0)
	b.mem = t.AppendTo(b.mem)
	s.used += cap(b.mem) - before
	record := b.mem[start+4:]
	binary.LittleEndian.PutUint32(b.mem[start:], uint32(len(record)))
	b.size += int64(len(record))
	return record
}

// adopt gives the buffer memory and makes it known.
func (s *Spool) adopt(b *Buffer) {
	if n := len(s.free); n > 0 {
		b.mem, s.free = s.free[n-1], s.free[:n-1]
	} else {
		b.mem = make([]byte, 0, 1024)
	}
	s.used += cap(b.mem)
	s.live = append(s.live, b)
	b.live = len(s.live)
}

// DropLast takes back the record that Add has just returned.
func (b *Buffer) DropLast(record []byte) {
	b.mem = b.mem[:len(b.mem)-4-len(record)]
	b.size -= int64(len(record))
}

// Take empties the buffer and calls fn, which may add to others, with its
// records.
func (s *Spool) Take(b *Buffer, fn func(record []byte)) {
	// Adding may move the buffer's memory to the file and use it for others.
	all := Buffer{extents: b.extents, mem: bytes.Clone(b.mem)}
	s.Release(b)
	for record := range s.All(&all) {
		fn(record)
	}
}

// Release empties the buffer.
func (s *Spool) Release(b *Buffer) {
	s.dropMemory(b)
	b.extents, b.size = nil, 0
}

// dropMemory takes the buffer's memory away, keeping small pieces for others.
func (s *Spool) dropMemory(b *Buffer) {
	if b.live == 0 {
		return
	}
	last := s.live[len(s.live)-1]
	s.live[b.live-1], last.live = last, b.live
	s.live[len(s.live)-1] = nil
	s.live = s.live[:len(s.live)-1]
	s.used -= cap(b.mem)
	if cap(b.mem) <= 16<<10 && len(s.free) < 64 {
		s.free = append(s.free, b.mem[:0])
	}
	b.mem, b.live = nil, 0
}

// spill moves the records in the buffer's memory to the file. The buffer keeps
// the memory: a test that printed so much is likely to go on.
func (s *Spool) spill(b *Buffer) {
	if off, ok := s.write(b.mem); ok {
		b.extend(off, int64(len(b.mem)))
		b.mem = b.mem[:0]
	}
}

// spillAll moves all buffers to the file, many small ones in one write.
func (s *Spool) spillAll() {
	const batchSize = 1 << 20
	batch := make([]byte, 0, batchSize+2*BufferLimit)
	var members []*Buffer
	all := slices.Clone(s.live) // which dropMemory changes
	for i, b := range all {
		batch = append(batch, b.mem...)
		members = append(members, b)
		if len(batch) < batchSize && i+1 < len(all) {
			continue
		}
		off, ok := s.write(batch)
		if !ok {
			return
		}
		for _, m := range members {
			n := int64(len(m.mem))
			m.extend(off, n)
			s.dropMemory(m)
			off += n
		}
		batch, members = batch[:0], members[:0]
	}
}

// extend notes that the buffer's next n bytes are in the file at off.
func (b *Buffer) extend(off, n int64) {
	if last := len(b.extents) - 1; last >= 0 && b.extents[last].off+b.extents[last].len == off {
		b.extents[last].len += n
	} else {
		b.extents = append(b.extents, extent{off, n})
	}
}

// write appends to the file and returns where.
func (s *Spool) write(p []byte) (off int64, ok bool) {
	if s.file == nil {
		f, err := Unlinked(s.dir)
		if err != nil {
			s.broken = true
			return 0, false
		}
		s.file = f
	}
	if _, err := s.file.WriteAt(p, s.size); err != nil {
		s.broken = true
		return 0, false
	}
	off = s.size
	s.size += int64(len(p))
	return off, true
}

// createUnlinked returns a temporary file that has no name any more.
func createUnlinked(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "pgtest-spool-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Size is how much the records of buffers are together; nil is an empty one.
func Size(buffers ...*Buffer) (n int64) {
	for _, b := range buffers {
		if b != nil {
			n += b.size
		}
	}
	return n
}

// All returns the records of buffers in order; nil is an empty one. A record is
// valid until the next one is asked for. If the file can't be read the records
// end early, and Err says why.
func (s *Spool) All(buffers ...*Buffer) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, b := range buffers {
			if b != nil && !s.each(b, yield) {
				return
			}
		}
	}
}

// each calls yield with the records of a buffer. It returns false if it has to
// end early.
func (s *Spool) each(b *Buffer, yield func([]byte) bool) bool {
	for _, e := range b.extents {
		r := bufio.NewReaderSize(io.NewSectionReader(s.file, e.off, e.len), int(min(e.len, 64<<10)))
		if more, err := records(r, yield); err != nil || !more {
			s.err = cmp.Or(s.err, err)
			return false
		}
	}
	for mem := b.mem; len(mem) > 0; {
		n := 4 + int(binary.LittleEndian.Uint32(mem))
		if !yield(mem[4:n]) {
			return false
		}
		mem = mem[n:]
	}
	return true
}

// records calls yield with the records of one extent.
func records(r *bufio.Reader, yield func([]byte) bool) (more bool, err error) {
	var head [4]byte
	var record []byte
	for {
		if _, err := io.ReadFull(r, head[:]); err == io.EOF {
			return true, nil
		} else if err != nil {
			return false, err
		}
		n := int(binary.LittleEndian.Uint32(head[:]))
		if cap(record) < n {
			record = make([]byte, n)
		}
		record = record[:n]
		if _, err := io.ReadFull(r, record); err != nil {
			return false, err
		}
		if !yield(record) {
			return false, nil
		}
	}
}

// Close gives the file up.
func (s *Spool) Close() {
	if s.file != nil {
		s.file.Close()
	}
	*s = Spool{broken: true}
}
