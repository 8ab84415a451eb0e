package event

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// fast decodes a line of the shape that go writes: an object of known members
// without spaces. It reports false for any other line, which may still be an
// event. Where it reports true, encoding/json decodes the same.
func (d *Decoder) fast(line []byte) bool {
	ev := &d.ev
	*ev = Event{Line: line}
	if len(line) < 2 || line[0] != '{' || line[len(line)-1] != '}' {
		return false
	}
	end := len(line) - 1 // every member ends before the closing brace
	for i := 1; ; i++ {
		var ok bool
		if i, ok = d.member(line[:end], i); !ok {
			return false
		}
		if i == end {
			return true
		}
		if line[i] != ',' {
			return false
		}
	}
}

// member decodes the member that starts at i and returns where it ends.
func (d *Decoder) member(b []byte, i int) (int, bool) {
	ev := &d.ev
	rest := b[i:]
	var to *Text
	var name int // length of `"Name":"`
	switch {
	case bytes.HasPrefix(rest, []byte(`"Time":"`)):
		v, end, ok := scanString(b, i+8)
		if !ok || v.escaped || v.wide {
			return 0, false
		}
		ev.Time, ok = d.dates.parse(v.Raw)
		return end, ok
	case bytes.HasPrefix(rest, []byte(`"Action":"`)):
		to, name = &ev.Action, 10
	case bytes.HasPrefix(rest, []byte(`"Package":"`)):
		v, end, ok := scanString(b, i+11)
		if ok {
			ev.Package = v.Bytes(&d.pkg)
		}
		return end, ok
	case bytes.HasPrefix(rest, []byte(`"Test":"`)):
		v, end, ok := scanString(b, i+8)
		if ok {
			ev.Test = v.Bytes(&d.test)
		}
		return end, ok
	case bytes.HasPrefix(rest, []byte(`"Output":"`)):
		to, name = &ev.Output, 10
	case bytes.HasPrefix(rest, []byte(`"Elapsed":`)):
		var end int
		var ok bool
		ev.Elapsed, end, ok = scanNumber(b, i+10)
		return end, ok
	case bytes.HasPrefix(rest, []byte(`"ImportPath":"`)):
		to, name = &ev.ImportPath, 14
	case bytes.HasPrefix(rest, []byte(`"OutputType":"`)):
		to, name = &ev.OutputType, 14
	case bytes.HasPrefix(rest, []byte(`"FailedBuild":"`)):
		to, name = &ev.FailedBuild, 15
	case bytes.HasPrefix(rest, []byte(`"NoEnd":"`)):
		to, name = &ev.NoEnd, 9
	case bytes.HasPrefix(rest, []byte(`"Key":"`)):
		to, name = &ev.Key, 7
	case bytes.HasPrefix(rest, []byte(`"Value":"`)):
		to, name = &ev.Value, 9
	case bytes.HasPrefix(rest, []byte(`"Path":"`)):
		to, name = new(Text), 8
	default:
		return 0, false // unknown, or known to encoding/json in another case
	}
	v, end, ok := scanString(b, i+name)
	*to = v
	return end, ok
}

// scanString scans the string whose first byte is b[i] and returns the index
// after its closing quote. It fails where encoding/json does: on a control
// character, an unknown escape, a missing end.
func scanString(b []byte, i int) (Text, int, bool) {
	var t Text
	end, found := t.scan(b, i)
	if found != stringEnd {
		return t, 0, false
	}
	t.Raw = b[i:end]
	return t, end + 1, true
}

// What scan stopped at.
type found uint8

const (
	stringEnd  found = iota // the closing quote
	bufferEnd               // the end of b, or of what is whole in it
	badContent              // a byte that no JSON string has
)

// scan looks for the end of a string in b from i on, notes what the string has,
// and returns where it stopped.
func (t *Text) scan(b []byte, i int) (int, found) {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for i < len(b) {
		// Eight bytes at once: find the first that is a quote, a backslash,
		// a control character or not ASCII. A borrow can only spoil bytes
		// above a hit, so the lowest hit is true.
		if i+8 <= len(b) {
			x := binary.LittleEndian.Uint64(b[i:])
			quote, slash := x^(ones*'"'), x^(ones*'\\')
			hit := x | (x-ones*0x20)&^x | (quote-ones)&^quote | (slash-ones)&^slash
			if hit &= tops; hit == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(hit) / 8
		}
		switch c := b[i]; {
		case c == '"':
			return i, stringEnd
		case c == '\\':
			n := escapeLen(b[i:])
			if n == 0 && len(b)-i < len(`\u0000`) {
				return i, bufferEnd
			}
			if n == 0 {
				return i, badContent
			}
			t.escaped = true
			i += n
		case c < 0x20:
			return i, badContent
		default:
			if c >= utf8.RuneSelf {
				t.wide = true
			}
			i++
		}
	}
	return i, bufferEnd
}

// escapeLen returns the length of the escape at the start of b, 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if hex4(b) >= 0 {
			return 6
		}
	}
	return 0
}

// hex4 returns the value of the \uXXXX at the start of b, -1 if it is none.
func hex4(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescape appends the value of the valid JSON string s, given without its
// quotes. Like encoding/json it puts U+FFFD for invalid UTF-8 and for halves of
// surrogate pairs.
func unescape(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\\':
			switch s[i+1] {
			case 'u':
				r := hex4(s[i:])
				i += 6
				if utf16.IsSurrogate(r) {
					if r = utf16.DecodeRune(r, hex4(s[i:])); r != utf8.RuneError {
						i += 6
					}
				}
				dst = utf8.AppendRune(dst, r)
				continue
			case 'b':
				c = '\b'
			case 'f':
				c = '\f'
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			default:
				c = s[i+1]
			}
			dst = append(dst, c)
			i += 2
		case c < utf8.RuneSelf:
			n := 1
			for i+n < len(s) && s[i+n] < utf8.RuneSelf && s[i+n] != '\\' {
				n++
			}
			dst = append(dst, s[i:i+n]...)
			i += n
		default:
			r, n := utf8.DecodeRune(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
		}
	}
	return dst
}

// scanNumber scans digits with an optional fraction, which is how go writes
// seconds. Up to 15 digits make a float64 exactly: both the digits and the
// power of ten are exact, and one division rounds once.
func scanNumber(b []byte, i int) (float64, int, bool) {
	start := i
	var n, scale int64 = 0, 1
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		n = n*10 + int64(b[i]-'0')
	}
	digits := i - start
	if digits == 0 || digits > 15 || b[start] == '0' && digits > 1 {
		return 0, 0, false
	}
	if i < len(b) && b[i] == '.' {
		i++
		first := i
		for ; i < len(b) && '0' <= b[i] && b[i] <= '9' && digits <= 15; i++ {
			n, scale = n*10+int64(b[i]-'0'), scale*10
			digits++
		}
		if i == first || digits > 15 {
			return 0, 0, false
		}
	}
	return float64(n) / float64(scale), i, true
}

// dateCache remembers the last date: the events of a run have one or two.
type dateCache struct {
	date string // "2006-01-02T"
	unix int64  // its midnight, UTC
}

// parse reads an RFC 3339 time as go writes it. It refuses what it does not
// know, also some valid times.
func (c *dateCache) parse(b []byte) (Stamp, bool) {
	const layout = "2006-01-02T15:04:05Z"
	if len(b) < len(layout) || b[13] != ':' || b[16] != ':' {
		return Stamp{}, false
	}
	if string(b[:11]) != c.date {
		t, err := time.Parse("2006-01-02T", string(b[:11]))
		if err != nil || t.Year() < 2 || t.Year() > 9998 {
			return Stamp{}, false
		}
		c.date, c.unix = string(b[:11]), t.Unix()
	}
	hour, min, sec := two(b[11:]), two(b[14:]), two(b[17:])
	if hour > 23 || min > 59 || sec > 59 {
		return Stamp{}, false
	}
	s := Stamp{sec: c.unix + int64(hour*3600+min*60+sec), ok: true}
	b = b[19:]
	if b[0] == '.' {
		n := 1
		for ; n < len(b) && n < 10 && '0' <= b[n] && b[n] <= '9'; n++ {
			s.nsec = s.nsec*10 + int32(b[n]-'0')
		}
		if n == 1 {
			return Stamp{}, false
		}
		for i := n; i < 10; i++ {
			s.nsec *= 10
		}
		b = b[n:]
	}
	if len(b) == 1 && b[0] == 'Z' {
		return s, true
	}
	if len(b) != len("+00:00") || b[3] != ':' || b[0] != '+' && b[0] != '-' {
		return Stamp{}, false
	}
	hour, min = two(b[1:]), two(b[4:])
	if hour > 23 || min > 59 {
		return Stamp{}, false
	}
	offset := int64(hour*3600 + min*60)
	if b[0] == '-' {
		offset = -offset
	}
	s.sec -= offset
	return s, true
}

// two returns the value of two digits, more than 99 if they are none.
func two(b []byte) int {
	if len(b) < 2 || b[0] < '0' || b[0] > '9' || b[1] < '0' || b[1] > '9' {
		return 100
	}
	return int(b[0]-'0')*10 + int(b[1]-'0')
}
