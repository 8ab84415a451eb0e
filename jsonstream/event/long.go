package event

import (
	"bufio"
	"bytes"
	"io"
	"strings"
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
// event, or another program's. Flat objects are known, which is all that go
// writes: a long line with nested values is no event, nor is one in which
// something other than Output is long.
func Pieces(line *io.SectionReader, fn func(*Event)) (bool, error) {
	line.Seek(0, io.SeekStart)
	ev, output := decodeLong(line)
	if ev == nil || ev.Foreign() {
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

// decodeLong decodes a line of any length in bounded memory: without its
// output, of which it returns where it lies between its quotes. The event is
// nil if the line is none.
func decodeLong(r io.Reader) (*Event, extent) {
	s := &shortener{r: bufio.NewReaderSize(r, 64<<10)}
	if !s.shorten() {
		return nil, extent{}
	}
	ev := new(Decoder).Decode(s.short)
	if ev != nil {
		ev.Line = nil
	}
	return ev, s.output
}

// A shortener copies a line without the value of its Output.
type shortener struct {
	r      *bufio.Reader
	off    int64 // of what r reads next
	short  []byte
	output extent // of the latest Output
}

// maxShort is how long a line may be without its output.
const maxShort = 64 << 10

// shorten reports false for a line that is no flat object, or too long without
// its output. What it copies of any other is valid JSON if the line is.
func (s *shortener) shorten() bool {
	name := ""
	inObject, isValue := false, false
	for len(s.short) < maxShort {
		c, err := s.r.ReadByte()
		if err != nil {
			return err == io.EOF
		}
		s.off++
		switch c {
		case ' ', '\t', '\r', '\n':
			if bytes.HasSuffix(s.short, []byte{' '}) {
				continue
			}
			c = ' '
		case '{', '[':
			if inObject {
				return false
			}
			inObject = true
		case ':', ',':
			isValue = c == ':'
		}
		s.short = append(s.short, c)
		if c != '"' {
			continue
		}
		text, ok := s.text(isValue && strings.EqualFold(name, "Output"))
		if !ok {
			return false
		}
		if !isValue {
			name = text.String()
		}
	}
	return false
}

// text reads the rest of a string. It copies the rest, or of an output the
// closing quote alone.
func (s *shortener) text(isOutput bool) (t Text, ok bool) {
	start, from := s.off, len(s.short)
	for want := 1; len(s.short) < maxShort; {
		if _, err := s.r.Peek(want); err != nil {
			return t, false
		}
		b, _ := s.r.Peek(s.r.Buffered())
		n, found := t.scan(b, 0)
		if !isOutput {
			s.short = append(s.short, b[:n]...)
		}
		s.r.Discard(n)
		s.off += int64(n)
		switch found {
		case stringEnd:
			if isOutput {
				s.output = extent{start, s.off - start}
			}
			t.Raw = s.short[from:]
			s.r.Discard(1)
			s.off++
			s.short = append(s.short, '"')
			return t, true
		case badContent:
			return t, false
		}
		want = len(b) - n + 1 // an escape may be cut
	}
	return t, false
}
