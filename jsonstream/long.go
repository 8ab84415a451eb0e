package jsonstream

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// longLine takes a line that is too long for memory, of which piece is the
// start. A line that may be an event goes to a file of its own until its end
// shows whether it is one. If so, its output is handled in pieces, as if go had
// written several events; if not, it is shown as it is. So is a line for which
// the file has no room, which is an error.
func (s *Stream) longLine(piece []byte, lines *lineReader) error {
	if !startsEvent(bytes.TrimLeft(piece, " \t\r")) {
		return s.longPlain(piece, lines)
	}
	f, err := unlinkedFile(s.opts.SpoolDir)
	if err != nil {
		return cmp.Or(s.longPlain(piece, lines), unkept(err))
	}
	defer f.Close()
	var size int64
	ended := false
	for whole := false; ; {
		content := piece
		if whole {
			content = bytes.TrimSuffix(bytes.TrimSuffix(piece, []byte{'\n'}), []byte{'\r'})
			ended = len(content) < len(piece)
		}
		if _, err := f.Write(content); err != nil {
			s.out.newline()
			io.Copy(s.out, io.NewSectionReader(f, 0, size))
			return cmp.Or(s.longRest(piece, whole, lines), unkept(err))
		}
		size += int64(len(content))
		if whole {
			break
		}
		if piece, whole, err = lines.next(); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
	}
	line := io.NewSectionReader(f, 0, size)
	long, ok := scanLong(line)
	if !ok || s.view.raw {
		s.out.newline()
		if err := copyFrom(s.out, line); err != nil {
			return err
		}
		s.out.write([]byte{'\n'})
	}
	if !ok {
		s.cut = !ended
		return nil
	}
	if s.file != nil {
		if err := copyFrom(s.file, line); err != nil {
			return err
		}
		s.file.write([]byte{'\n'})
	}
	return s.longEvent(long, f)
}

func copyFrom(w io.Writer, line *io.SectionReader) error {
	line.Seek(0, io.SeekStart)
	_, err := io.Copy(w, line)
	return err
}

// unkept is the error of a line that may be an event and can't be looked at.
func unkept(err error) error {
	return fmt.Errorf("a line of more than %d bytes can't be kept: %w", maxLine, reason(err))
}

// longPlain shows a long line as it is.
func (s *Stream) longPlain(piece []byte, lines *lineReader) error {
	s.out.newline()
	return s.longRest(piece, false, lines)
}

// longRest shows the rest of a long line.
func (s *Stream) longRest(piece []byte, whole bool, lines *lineReader) error {
	for {
		s.out.write(piece)
		if whole {
			s.out.newline()
			return nil
		}
		var err error
		if piece, whole, err = lines.next(); err == io.EOF {
			s.out.newline()
			return nil
		} else if err != nil {
			return err
		}
	}
}

// longEvent handles an event, its output in pieces.
func (s *Stream) longEvent(long *longEvent, f *os.File) error {
	ev := &long.ev
	if long.output.len == 0 {
		s.longPiece(ev)
		return nil
	}
	buf := make([]byte, 64<<10)
	for off := long.output.off; off < long.output.off+long.output.len; {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), long.output.off+long.output.len-off)], off)
		if err != nil && err != io.EOF {
			return err
		}
		if off+int64(n) < long.output.off+long.output.len {
			n = cutString(buf[:n])
		}
		ev.output = text{raw: buf[:n], escaped: true, wide: true}
		s.longPiece(ev)
		off += int64(n)
	}
	return nil
}

func (s *Stream) longPiece(ev *event) {
	if !s.view.raw {
		s.show(ev)
	}
	s.handle(ev)
}

// cutString returns how much of the start of a valid JSON string can be decoded
// by itself: no escape, rune or pair of surrogates is cut.
func cutString(b []byte) int {
	var t text
	n, _ := t.scan(b, 0)
	// The first surrogate of a pair goes with the second, unless its backslash
	// is itself escaped.
	if n > 6 {
		if r := hex4(b[n-6 : n]); 0xD800 <= r && r < 0xDC00 && backslashes(b[:n-6])%2 == 0 {
			return n - 6
		}
	}
	for i := 1; i < utf8.UTFMax && i < n; i++ {
		if utf8.RuneStart(b[n-i]) {
			if b[n-i] >= utf8.RuneSelf && !utf8.FullRune(b[n-i:n]) {
				return n - i
			}
			break
		}
	}
	return n
}

// backslashes counts those at the end of b.
func backslashes(b []byte) int {
	return len(b) - len(bytes.TrimRight(b, `\`))
}

// longEvent is an event whose output is still in a file.
type longEvent struct {
	ev     event
	output extent // between the quotes
}

// scanLong decodes a line of any length in bounded memory. It knows flat
// objects, which is all that go writes: a long line with nested values is no
// event, nor is one in which something other than Output is long.
func scanLong(r io.Reader) (*longEvent, bool) {
	s := &longScanner{r: r}
	var long longEvent
	if !s.expect('{') {
		return nil, false
	}
	for {
		key, ok := s.name()
		if !ok || !s.expect(':') || !s.member(&long, key) {
			return nil, false
		}
		switch s.skipSpace() {
		case ',':
			s.take(1)
		case '}':
			s.take(1)
			atEnd := s.skipSpace() == 0 && len(s.b) == 0 && errors.Is(s.err, io.EOF)
			long.ev.kind = kindOf(long.ev.action.raw)
			return &long, atEnd && len(long.ev.action.raw) > 0
		default:
			return nil, false
		}
	}
}

// longScanner reads JSON through a window.
type longScanner struct {
	r   io.Reader
	buf [64 << 10]byte
	b   []byte // what is read and not taken
	off int64  // of b in the stream
	err error
}

// fill reads more behind what is there.
func (s *longScanner) fill() bool {
	if s.err != nil || len(s.b) == len(s.buf) {
		return false
	}
	n := copy(s.buf[:], s.b)
	m, err := io.ReadFull(s.r, s.buf[n:])
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	s.b, s.err = s.buf[:n+m], err
	return m > 0
}

func (s *longScanner) take(n int) {
	s.b = s.b[n:]
	s.off += int64(n)
}

// skipSpace returns the first byte that is no space, 0 at the end.
func (s *longScanner) skipSpace() byte {
	for {
		if len(s.b) == 0 && !s.fill() {
			return 0
		}
		switch c := s.b[0]; c {
		case ' ', '\t', '\r', '\n':
			s.take(1)
		default:
			return c
		}
	}
}

func (s *longScanner) expect(c byte) bool {
	if s.skipSpace() != c {
		return false
	}
	s.take(1)
	return true
}

// name reads the name of a member.
func (s *longScanner) name() (string, bool) {
	if !s.expect('"') {
		return "", false
	}
	t, _, ok := s.str()
	return string(t.appendTo(nil)), ok && t.raw != nil
}

// str reads the rest of a string. Its text is nil if it is longer than a name
// may be.
func (s *longScanner) str() (text, extent, bool) {
	const limit = 16 << 10
	var t text
	var raw []byte
	start := s.off
	for {
		n, found := t.scan(s.b, 0)
		if len(raw)+n <= limit {
			raw = append(raw, s.b[:n]...)
		} else {
			raw = raw[:0] // and never wanted: it is too long now
		}
		s.take(n)
		switch found {
		case stringEnd:
			whole := extent{start, s.off - start}
			s.take(1)
			if whole.len <= limit {
				t.raw = append([]byte{}, raw...)
			}
			return t, whole, true
		case badContent:
			return t, extent{}, false
		}
		if !s.fill() {
			return t, extent{}, false
		}
	}
}

// member reads a member's value into the event. Like encoding/json it takes
// names in any case, and null for no value.
func (s *longScanner) member(long *longEvent, name string) bool {
	if s.skipSpace() != '"' {
		return s.scalar(long, name)
	}
	s.take(1)
	t, whole, ok := s.str()
	if !ok {
		return false
	}
	field := func(to *text) bool {
		*to = literal(string(t.appendTo(nil)))
		return t.raw != nil
	}
	ev := &long.ev
	switch strings.ToLower(name) {
	case "output":
		long.output = whole
		return true
	case "action":
		return field(&ev.action)
	case "package":
		ev.pkg = t.appendTo(nil)
	case "test":
		ev.test = t.appendTo(nil)
	case "importpath":
		return field(&ev.importPath)
	case "key":
		return field(&ev.key)
	case "value":
		return field(&ev.value)
	case "failedbuild":
		return field(&ev.failedBuild)
	case "outputtype":
		return field(&ev.outputType)
	case "noend":
		return field(&ev.noEnd)
	case "time":
		var at time.Time
		if at.UnmarshalJSON([]byte(`"`+string(t.raw)+`"`)) != nil {
			return false
		}
		ev.time = stampOf(at)
	case "elapsed":
		return false
	default:
		return true // unknown, of any length
	}
	return t.raw != nil
}

// scalar reads a number or one of null, true and false.
func (s *longScanner) scalar(long *longEvent, name string) bool {
	const limit = 64
	var word []byte
	for len(word) <= limit {
		if len(s.b) == 0 && !s.fill() {
			return false
		}
		c := s.b[0]
		if c == ',' || c == '}' || c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			break
		}
		word = append(word, c)
		s.take(1)
	}
	if len(word) > limit || !json.Valid(word) || word[0] == '[' || word[0] == '{' {
		return false
	}
	if string(word) == "null" {
		return true
	}
	switch strings.ToLower(name) {
	case "output", "action", "package", "test", "importpath", "key", "value", "time":
		return false
	case "elapsed":
		var err error
		long.ev.elapsed, err = strconv.ParseFloat(string(word), 64)
		return err == nil
	}
	return true
}
