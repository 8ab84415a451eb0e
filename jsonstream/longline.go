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
		return s.longPlain(piece, lines)
	}
	f, err := spool.Unlinked(s.opts.SpoolDir)
	if err != nil {
		return cmp.Or(s.longPlain(piece, lines), unkept(err))
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
			return cmp.Or(s.longRest(piece, whole, lines), unkept(err))
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
	isEvent, err := event.Pieces(io.NewSectionReader(f, 0, size), s.event)
	if isEvent || err != nil {
		return err
	}
	s.cut = !ended
	s.out.Newline()
	io.Copy(s.out, io.NewSectionReader(f, 0, size))
	s.out.Write([]byte{'\n'})
	return nil
}

// unkept is the error of a line that may be an event and can't be looked at.
func unkept(err error) error {
	return fmt.Errorf("a line of more than %d bytes can't be kept: %w", event.MaxLine, reason(err))
}

// longPlain shows a long line as it is.
func (s *Stream) longPlain(piece []byte, lines *event.Lines) error {
	s.out.Newline()
	return s.longRest(piece, false, lines)
}

// longRest shows the rest of a long line.
func (s *Stream) longRest(piece []byte, whole bool, lines *event.Lines) error {
	for {
		s.out.Write(piece)
		if whole {
			s.out.Newline()
			return nil
		}
		var err error
		if piece, whole, err = lines.Next(); err == io.EOF {
			s.out.Newline()
			return nil
		} else if err != nil {
			return err
		}
	}
}
