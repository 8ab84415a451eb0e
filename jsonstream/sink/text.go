package sink

import (
	"bytes"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Segment is a part of an output that looks alike. Class has the names of CSS
// classes: c0 to c15 for the colours of a terminal, b, d, i and u for bold, dim,
// italic and underlined.
type Segment struct{ Class, Text string }

// Segments makes any bytes a text for a page, with the colours that escape
// sequences ask for. Other sequences are left out, other control characters
// become U+FFFD, and so does what is no UTF-8.
func Segments(text []byte) iter.Seq[Segment] {
	text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	return func(yield func(Segment) bool) {
		var look style
		var out []byte
		flush := func() bool {
			if len(out) == 0 {
				return true
			}
			s := Segment{look.class(), string(out)}
			out = out[:0]
			return yield(s)
		}
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case c == '\x1b':
				n, colours := sequence(text[i+1:])
				i += n
				next := look
				if next.apply(colours); next != look {
					if !flush() {
						return
					}
					look = next
				}
			case c == '\r' && i+1 < len(text) && text[i+1] == '\n':
			case c == '\r':
				out = append(out, '\n')
			case c < ' ' && c != '\n' && c != '\t', c == 0x7f:
				out = append(out, "\uFFFD"...)
			default:
				out = append(out, c)
			}
		}
		flush()
	}
}

// sequence is the length of an escape sequence behind its first character, and
// the parameters of one for colours, "" for any other.
func sequence(text []byte) (n int, colours string) {
	switch {
	case len(text) == 0:
		return 0, ""
	case text[0] == ']': // up to a bell or ESC \, as hyperlinks and titles have it
		for i, c := range text[:min(len(text), 4<<10)] {
			switch {
			case c == '\a':
				return i + 1, ""
			case c == '\x1b' && i+1 < len(text) && text[i+1] == '\\':
				return i + 2, ""
			case c == '\n':
				return 0, ""
			}
		}
		return 0, ""
	case text[0] != '[':
		return 0, ""
	}
	for i, c := range text[1:] {
		switch {
		case c == 'm':
			return i + 2, string(text[1:i+1]) + "m"
		case '@' <= c && c <= '~':
			return i + 2, ""
		case c < ' ' || c > '?':
			return 0, ""
		}
	}
	return 0, ""
}

// style is how a terminal shows text.
type style struct {
	colour                       int // one more than the number, 0 for none
	bold, dim, italic, underline bool
}

func (s style) class() string {
	var names []string
	if s.colour > 0 {
		names = append(names, "c"+strconv.Itoa(s.colour-1))
	}
	for _, attr := range []struct {
		is   bool
		name string
	}{{s.bold, "b"}, {s.dim, "d"}, {s.italic, "i"}, {s.underline, "u"}} {
		if attr.is {
			names = append(names, attr.name)
		}
	}
	return strings.Join(names, " ")
}

// apply changes the style by the parameters of a sequence for colours.
func (s *style) apply(colours string) {
	parameters, is := strings.CutSuffix(colours, "m")
	if !is {
		return
	}
	words := strings.FieldsFunc(parameters, func(r rune) bool { return r == ';' || r == ':' })
	if len(words) == 0 {
		*s = style{}
	}
	for i := 0; i < len(words); i++ {
		n, err := strconv.Atoi(words[i])
		if err != nil {
			return
		}
		switch {
		case n == 0:
			*s = style{}
		case n == 1:
			s.bold = true
		case n == 2:
			s.dim = true
		case n == 3:
			s.italic = true
		case n == 4:
			s.underline = true
		case n == 22:
			s.bold, s.dim = false, false
		case n == 23:
			s.italic = false
		case n == 24:
			s.underline = false
		case 30 <= n && n <= 37:
			s.colour = n - 30 + 1
		case 90 <= n && n <= 97:
			s.colour = n - 90 + 8 + 1
		case n == 39:
			s.colour = 0
		case n == 38 || n == 48:
			colour, used := extended(words[i+1:])
			if n == 38 {
				s.colour = colour
			}
			i += used
		}
	}
}

// extended reads one of 256 colours, or one of all, and returns the nearest of 16
// and how many words it took.
func extended(words []string) (colour, used int) {
	number := func(i int) int {
		if i >= len(words) {
			return 0
		}
		n, _ := strconv.Atoi(words[i])
		return min(max(n, 0), 255)
	}
	switch number(0) {
	case 5:
		n := number(1)
		switch {
		case n < 16:
			return n + 1, 2
		case n < 232:
			n -= 16
			return nearest(n/36*51, n/6%6*51, n%6*51), 2
		}
		grey := 8 + 10*(n-232)
		return nearest(grey, grey, grey), 2
	case 2:
		return nearest(number(1), number(2), number(3)), 4
	}
	return 0, len(words)
}

// nearest is the one of 16 colours whose parts are on where those of a colour are.
func nearest(r, g, b int) int {
	top := max(r, g, b)
	n := 0
	for i, part := range []int{r, g, b} {
		if top > 64 && part*3 > top*2 {
			n |= 1 << i
		}
	}
	if top > 192 {
		n += 8
	}
	return n + 1
}

// Plain is a text as Segments has it, without colours.
func Plain(text []byte) []byte {
	var all []byte
	for s := range Segments(text) {
		all = append(all, s.Text...)
	}
	return all
}

// Inline is a short text in one line.
func Inline(text string, limit int) string {
	if len(text) > limit {
		for limit > 0 && !utf8.RuneStart(text[limit]) {
			limit--
		}
		text = text[:limit] + "…"
	}
	return string(bytes.Join(bytes.Fields(Plain([]byte(text))), []byte(" ")))
}
