package sink

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
)

// Excerpt returns a text, of which it leaves out the middle beyond limit bytes: whole
// lines, unless they are long. It holds no more than a few times the limit.
func Excerpt(text iter.Seq[[]byte], limit int) []byte {
	half := limit / 2
	var head, tail []byte
	total := 0
	for piece := range text {
		total += len(piece)
		n := min(len(piece), half-len(head))
		head = append(head, piece[:n]...)
		tail = append(tail, piece[n:]...)
		if len(tail) > 4*limit {
			tail = append(tail[:0], tail[len(tail)-(limit-half):]...)
		}
	}
	tail = tail[max(0, len(tail)-(limit-half)):]
	if total == len(head)+len(tail) {
		return append(head, tail...)
	}
	if i := bytes.LastIndexByte(head, '\n'); i > len(head)*3/4 {
		head = head[:i]
	}
	if i := bytes.IndexByte(tail, '\n'); i >= 0 && i < len(tail)/4 {
		tail = tail[i+1:]
	}
	return append(fmt.Appendf(head, "\n… %d bytes left out …\n", total-len(head)-len(tail)), tail...)
}

// Share returns the limit with which all texts together fit into room, if each
// may have no more than limit. It sorts the sizes.
func Share(sizes []int64, limit, room int64) int64 {
	slices.Sort(sizes)
	for i, size := range sizes {
		each := room / int64(len(sizes)-i)
		if min(size, limit) > each {
			return each
		}
		room -= min(size, limit)
	}
	return limit
}
