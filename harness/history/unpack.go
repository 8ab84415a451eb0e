package history

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
)

// An unpacker reads the lines of batches.
type unpacker struct {
	r      *bufio.Reader
	clock  packClock
	last   []byte
	places [][]byte

	shapes, times, text part
	room, lines         []byte // lines, and what of them is not read yet
}

func newUnpacker(r io.Reader) *unpacker { return &unpacker{r: bufio.NewReader(r)} }

// Read implements io.Reader. Its error is io.ErrUnexpectedEOF where a batch is cut
// off, and errDamaged for what is none.
func (u *unpacker) Read(p []byte) (int, error) {
	for len(u.lines) == 0 {
		if len(u.shapes.rest) == 0 {
			if err := u.next(); err != nil {
				return 0, err
			}
		}
		u.room = u.room[:0]
		for len(u.shapes.rest) > 0 && len(u.room) < batchSize {
			if !u.record() {
				return 0, errDamaged
			}
		}
		u.lines = u.room
	}
	n := copy(p, u.lines)
	u.lines = u.lines[n:]
	return n, nil
}

// next reads a batch.
func (u *unpacker) next() error {
	if _, err := u.r.Peek(1); err != nil {
		return err
	}
	parts := []*part{&u.shapes, &u.times, &u.text}
	var lengths [3]int64
	for i := range parts {
		n, err := binary.ReadUvarint(u.r)
		if err != nil {
			return cut(err)
		}
		if n > maxPart {
			return errDamaged
		}
		lengths[i] = int64(n)
	}
	for i, p := range parts {
		var b bytes.Buffer // grows as bytes come, whatever the length claims
		if _, err := io.CopyN(&b, u.r, lengths[i]); err != nil {
			return cut(err)
		}
		*p = part{rest: b.Bytes()}
	}
	return nil
}

// cut is the error of an end within a batch.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// record appends the line of the next record to the room.
func (u *unpacker) record() bool {
	shape := u.shapes.take(1)[0]
	switch action := shape & actionBits; action {
	case rawRecord:
		u.room = append(u.room, u.nextText()...)
	case clockSet:
		return u.ok() && u.clock.set(u.nextText())
	default:
		if int(action) >= len(actions) || u.clock.zone == nil {
			return false
		}
		u.clock.at += u.times.varint()
		u.room = u.clock.append(append(u.room, timeText...), u.clock.at)
		u.room = append(append(append(u.room, actionText...), actions[action]...), actionEnd...)
		if !u.place(shape & placeBits) {
			return false
		}
		u.room = append(u.room, u.last...)
		switch shape & restBits {
		case noRest:
			u.room = append(u.room, '}')
		case outputRest:
			u.room = append(append(append(u.room, outputText...), u.nextText()...), outputEnd...)
		case otherRest:
			u.room = append(u.room, u.nextText()...)
		default:
			return false
		}
		u.room = append(u.room, '\n')
	}
	return u.ok()
}

// place finds the place of a record.
func (u *unpacker) place(kind byte) bool {
	switch kind {
	case samePlace:
	case knownPlace:
		i := u.shapes.uvarint()
		if i >= uint64(len(u.places)) {
			return false
		}
		u.last = u.places[i]
	case newPlace:
		if len(u.places) == maxPlaces {
			u.places = nil
		}
		u.last = bytes.Clone(u.nextText())
		u.places = append(u.places, u.last)
	default:
		return false
	}
	return true
}

func (u *unpacker) nextText() []byte { return u.text.take(u.shapes.uvarint()) }

func (u *unpacker) ok() bool { return !u.shapes.short && !u.times.short && !u.text.short }

// A part is one of a batch, of which so much is left.
type part struct {
	rest  []byte
	short bool // more was taken than was there
}

// take takes n bytes, all or none.
func (p *part) take(n uint64) []byte {
	if n > uint64(len(p.rest)) {
		p.short = true
		return nil
	}
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}

func (p *part) uvarint() uint64 {
	v, n := binary.Uvarint(p.rest)
	p.short = p.short || n <= 0
	p.rest = p.rest[max(n, 0):]
	return v
}

func (p *part) varint() int64 {
	v, n := binary.Varint(p.rest)
	p.short = p.short || n <= 0
	p.rest = p.rest[max(n, 0):]
	return v
}
