package junit

import (
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// cut leaves out the middle of a text that is longer than limit, unless that is
// negative. What stays are whole pieces of the text, which are lines, but for
// long ones and for those without which nothing would stay.
func cut(b Body, limit int64) iter.Seq[[]byte] {
	if b.Text == nil {
		return func(func([]byte) bool) {}
	}
	if limit < 0 || b.Size <= limit {
		return b.Text
	}
	head, tail := limit/2, b.Size-(limit-limit/2)
	return func(yield func([]byte) bool) {
		var at, shown int64
		last, marked := byte('\n'), false
		for piece := range b.Text {
			from := at
			at += int64(len(piece))
			if from < head {
				n := len(piece)
				if at > head {
					n = start(piece, int(head-from), shown == 0)
				}
				if n > 0 && !yield(piece[:n]) {
					return
				}
				if n > 0 {
					last = piece[n-1]
				}
				shown, from, piece = shown+int64(n), from+int64(n), piece[n:]
			}
			if from < tail && at > tail {
				n := end(piece, int(tail-from), at == b.Size)
				from, piece = from+int64(n), piece[n:]
			}
			if from < tail || len(piece) == 0 {
				continue
			}
			if !marked && !yield(leftOut(from-shown, last)) {
				return
			}
			marked = true
			if !yield(piece) {
				return
			}
		}
		if !marked {
			yield(leftOut(at-shown, last))
		}
	}
}

func leftOut(n int64, behind byte) []byte {
	line := fmt.Sprintf("… %d bytes left out …\n", n)
	if behind != '\n' {
		line = "\n" + line
	}
	return []byte(line)
}

// longLine is a piece of a text of which a part is shown.
const longLine = 4 << 10

// start returns how much of the first n bytes of a piece is shown, which must be
// something of the first one.
func start(piece []byte, n int, first bool) int {
	if !first && len(piece) <= longLine {
		return 0
	}
	for n > 0 && !utf8.RuneStart(piece[n]) {
		n--
	}
	return n
}

// end returns where behind n the shown end of a piece begins.
func end(piece []byte, n int, last bool) int {
	if !last && len(piece) <= longLine {
		return len(piece)
	}
	for n < len(piece) && !utf8.RuneStart(piece[n]) {
		n++
	}
	return n
}

// fit returns the limit with which all texts together fit into room as XML, if each
// may have no more than limit.
func fit(bodies []Body, limit, room int64) int64 {
	const widest = 5 // of one byte become "&amp;" or "&#xD;"
	var sizes []int64
	var all int64
	for _, b := range bodies {
		sizes = append(sizes, b.Size)
		all += min(b.Size, limit)
	}
	if all*widest <= room {
		return limit
	}
	limit = sink.Share(sizes, limit, room)
	var scratch []byte
	for range 4 { // what is wide may be what is short
		var written int64
		for _, b := range bodies {
			for text := range cut(b, limit) {
				scratch = appendEscaped(scratch[:0], text, false)
				written += int64(len(scratch))
			}
		}
		if written <= room {
			break
		}
		limit = limit * room / written
	}
	return limit
}

// maxAttachments bounds how many files of a test are named.
const maxAttachments = 100

// attachments are the lines with which GitLab and Jenkins find files: those in
// the directory for the test's artifacts, or that itself if it is not here.
func (s *Sink) attachments(t *result.Test) []byte {
	if t.Artifacts == "" || s.opts.Schema == Strict {
		return nil
	}
	files := []string{t.Artifacts}
	missing := true
	filepath.WalkDir(t.Artifacts, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case missing:
			files, missing = nil, false
		case d.Type().IsRegular() && len(files) < maxAttachments:
			files = append(files, path)
		case len(files) == maxAttachments:
			return fs.SkipAll
		}
		return nil
	})
	var out []byte
	for _, path := range files {
		if s.opts.Places != nil {
			if rel := s.opts.Places.Path(path); rel != "" {
				path = rel
			}
		}
		if !strings.ContainsAny(path, "[]|\n") { // GitLab takes none of these
			out = appendEscaped(out, []byte("[[ATTACHMENT|"+path+"]]\n"), false)
		}
	}
	return out
}

// out returns what system-out of a test has, escaped: attachments, and what a
// test printed that did not fail if the report is to have that.
func (s *Sink) out(t *result.Test, failed bool) []byte {
	out := s.attachments(t)
	if failed || s.opts.Output != OutputOfAll {
		return out
	}
	limit := s.limit
	if limit >= 0 {
		limit = min(limit, max(0, roomForPassed-s.shown))
		s.shown += min(limit, t.OutputSize())
	}
	for text := range cut(Body{t.Output(), t.OutputSize()}, limit) {
		out = appendEscaped(out, text, false)
	}
	return out
}
