package event

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/bits"
	"strconv"
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
		if !ok {
			return 0, false
		}
		ev.Time, ok = d.clock.parse(v.Raw)
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
		to, name = &ev.Path, 8
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

// escapeLen returns the length of the escape at the start of b, or 0.
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
	var r [2]byte
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	if _, err := hex.Decode(r[:], b[2:6]); err != nil {
		return -1
	}
	return rune(r[0])<<8 | rune(r[1])
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
// seconds.
func scanNumber(b []byte, i int) (float64, int, bool) {
	end := i
	for end < len(b) && (b[end] == '.' || '0' <= b[end] && b[end] <= '9') {
		end++
	}
	n, err := strconv.ParseFloat(string(b[i:end]), 64)
	return n, end, err == nil && json.Valid(b[i:end])
}

// A clock remembers the second of the latest time. Most events come in the same
// second as the one before.
type clock struct {
	second, zone string // as in "2006-01-02T15:04:05" and "Z"
	unix         int64
}

// parse reads a time as encoding/json does.
func (c *clock) parse(b []byte) (Stamp, bool) {
	const seconds = len("2006-01-02T15:04:05")
	zone, nsec := seconds+1, int32(0)
	for unit := int32(1e8); unit > 0 && zone < len(b) && '0' <= b[zone] && b[zone] <= '9'; unit /= 10 {
		nsec += int32(b[zone]-'0') * unit
		zone++
	}
	hasFraction := zone > seconds+1 && b[seconds] == '.'
	if hasFraction && string(b[:seconds]) == c.second && string(b[zone:]) == c.zone {
		return Stamp{c.unix, nsec, true}, true
	}
	var t time.Time
	if t.UnmarshalText(b) != nil {
		return Stamp{}, false
	}
	s := StampOf(t)
	if hasFraction && s.ok {
		c.second, c.zone, c.unix = string(b[:seconds]), string(b[zone:]), s.sec
	}
	return s, true
}
