package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// cutString returns how much of the start of a valid JSON string can be decoded
// by itself: no escape, rune or pair of surrogates is cut.
func cutString(b []byte) int {
	var t Text
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

// Pieces decodes a line that is in a file because it is too long for memory,
// and calls fn with its event: once for each piece of its output, as if go had
// written several. It reports false, and does not call fn, if the line is no
// event. Flat objects are known, which is all that go writes: a long line with
// nested values is no event, nor is one in which something other than Output is
// long.
func Pieces(line *io.SectionReader, fn func(*Event)) (bool, error) {
	line.Seek(0, io.SeekStart)
	ev, output, ok := scanLong(line)
	if !ok {
		return false, nil
	}
	ev.Long = line
	if output.len == 0 {
		fn(ev)
		return true, nil
	}
	buf := make([]byte, 64<<10)
	for off, end := output.off, output.off+output.len; off < end; {
		n, err := line.ReadAt(buf[:min(int64(len(buf)), end-off)], off)
		if err != nil && err != io.EOF {
			return true, err
		}
		if off+int64(n) < end {
			n = cutString(buf[:n])
		}
		ev.Output = Text{Raw: buf[:n], escaped: true, wide: true}
		fn(ev)
		ev.Long = nil
		off += int64(n)
	}
	return true, nil
}

// extent is where a string lies in a file.
type extent struct{ off, len int64 }

// scanLong decodes a line of any length in bounded memory, and finds where its
// output lies between its quotes.
func scanLong(r io.Reader) (*Event, extent, bool) {
	s := &longScanner{r: r}
	if !s.expect('{') {
		return nil, extent{}, false
	}
	for {
		key, ok := s.name()
		if !ok || !s.expect(':') || !s.member(key) {
			return nil, extent{}, false
		}
		switch s.skipSpace() {
		case ',':
			s.take(1)
		case '}':
			s.take(1)
			atEnd := s.skipSpace() == 0 && len(s.b) == 0 && errors.Is(s.err, io.EOF)
			s.ev.Kind = kindOf(s.ev.Action.Raw)
			return &s.ev, s.output, atEnd && len(s.ev.Action.Raw) > 0
		default:
			return nil, extent{}, false
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

	ev     Event
	output extent // of its Output
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
	return t.String(), ok && t.Raw != nil
}

// str reads the rest of a string. Its text is nil if it is longer than a name
// may be.
func (s *longScanner) str() (Text, extent, bool) {
	const limit = 16 << 10
	var t Text
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
				t.Raw = append([]byte{}, raw...)
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
func (s *longScanner) member(name string) bool {
	if s.skipSpace() != '"' {
		return s.scalar(name)
	}
	s.take(1)
	t, whole, ok := s.str()
	if !ok {
		return false
	}
	field := func(to *Text) bool {
		*to = literal(t.String())
		return t.Raw != nil
	}
	ev := &s.ev
	switch strings.ToLower(name) {
	case "output":
		s.output = whole
		return true
	case "action":
		return field(&ev.Action)
	case "package":
		ev.Package = t.AppendTo(nil)
	case "test":
		ev.Test = t.AppendTo(nil)
	case "importpath":
		return field(&ev.ImportPath)
	case "key":
		return field(&ev.Key)
	case "value":
		return field(&ev.Value)
	case "failedbuild":
		return field(&ev.FailedBuild)
	case "outputtype":
		return field(&ev.OutputType)
	case "noend":
		return field(&ev.NoEnd)
	case "time":
		var at time.Time
		if at.UnmarshalJSON([]byte(`"`+string(t.Raw)+`"`)) != nil {
			return false
		}
		ev.Time = StampOf(at)
	case "elapsed":
		return false
	default:
		return true // unknown, of any length
	}
	return t.Raw != nil
}

// scalar reads a number or one of null, true and false.
func (s *longScanner) scalar(name string) bool {
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
		s.ev.Elapsed, err = strconv.ParseFloat(string(word), 64)
		return err == nil
	}
	return true
}
