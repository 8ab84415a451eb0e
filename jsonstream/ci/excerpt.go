package ci

import (
	"iter"

	"pgtest/jsonstream/sink"
)

// excerpt returns a text for a page, of which it leaves out the middle beyond
// limit bytes.
func excerpt(text iter.Seq[[]byte], limit int) []byte { return sink.Plain(sink.Excerpt(text, limit)) }
