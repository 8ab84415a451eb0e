package jsonstream

import (
	"bytes"
	"cmp"
	"fmt"
	"io"

	"pgtest/jsonstream/event"
	"pgtest/jsonstream/internal/spool"
)

// longLine takes a line that is too long for memory, of which piece is the
// start. A line that may be an event goes to a file of its own until its end
// shows whether it is one. If so, its output is handled in pieces, as if go had
// written several events; if not, it is shown as it is. So is a line for which
// the file has no room, which is an error.
func (s *Stream) longLine(piece []byte, lines *event.Lines) error {
	if !startsEvent(bytes.TrimLeft(piece, " \t\r")) {
		s.out.Newline()
		return s.showRest(piece, false, lines)
	}
	f, err := spool.Unlinked(s.opts.SpoolDir)
	if err != nil {
		s.out.Newline()
		return cmp.Or(s.showRest(piece, false, lines), unkept(err))
	}
	defer f.Close()
	var size int64
	ended := false
	for whole := false; ; {
		content := piece
		if whole {
			content = trimEnd(piece)
			ended = len(content) < len(piece)
		}
		if _, err := f.Write(content); err != nil {
			s.out.Newline()
			io.Copy(s.out, io.NewSectionReader(f, 0, size))
			return cmp.Or(s.showRest(piece, whole, lines), unkept(err))
		}
		size += int64(len(content))
		if whole {
			break
		}
		if piece, whole, err = lines.Next(); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
	}
	line := io.NewSectionReader(f, 0, size)
	isEvent, err := event.Pieces(line, s.event)
	if isEvent || err != nil {
		return err
	}
	s.cut = !ended
	s.out.Newline()
	line.Seek(0, io.SeekStart)
	io.Copy(s.out, line)
	s.out.Newline()
	return nil
}

// unkept is the error of a line that may be an event and can't be looked at.
func unkept(err error) error {
	return fmt.Errorf("a line of more than %d bytes can't be kept: %w", event.MaxLine, reason(err))
}

// showRest shows piece and, unless it ends the line, the rest of the line.
func (s *Stream) showRest(piece []byte, whole bool, lines *event.Lines) (err error) {
	s.out.Write(piece)
	for !whole && err == nil {
		piece, whole, err = lines.Next()
		s.out.Write(piece)
	}
	if err != nil && err != io.EOF {
		return err
	}
	s.out.Newline()
	return nil
}
