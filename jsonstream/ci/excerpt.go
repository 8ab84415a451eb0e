package ci

import (
	"bytes"
	"iter"

	"pgtest/jsonstream/sink"
)

// excerpt returns a text as clean shows it, of which it leaves out the middle
// beyond limit bytes.
func excerpt(text iter.Seq[[]byte], limit int) []byte { return clean(sink.Excerpt(text, limit)) }

// clean makes any bytes a text for a page: valid UTF-8 without colours and other
// control characters.
func clean(text []byte) []byte {
	text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	var out []byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\x1b':
			i += sequence(text[i+1:])
		case c == '\r' && i+1 < len(text) && text[i+1] == '\n':
		case c == '\r':
			out = append(out, '\n')
		case c < ' ' && c != '\n' && c != '\t', c == 0x7f:
			out = append(out, "\uFFFD"...)
		default:
			out = append(out, c)
		}
	}
	return out
}

// sequence is the length of an escape sequence behind its first character, if
// it is one as terminals get for colours.
func sequence(text []byte) int {
	if len(text) == 0 || text[0] != '[' {
		return 0
	}
	for i, c := range text[1:] {
		if '@' <= c && c <= '~' {
			return i + 2
		}
		if c < ' ' || c > '?' {
			break
		}
	}
	return 0
}

// inline is a short text in one line.
func inline(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit] + "…"
	}
	return string(bytes.Join(bytes.Fields(clean([]byte(text))), []byte(" ")))
}
