package jsonstream

import (
	"bytes"
	"io"
)

func (s *Stream) longLine(piece []byte, lines *lineReader) error {
	var line []byte
	line = append(line, piece...)
	for {
		piece, whole, err := lines.next()
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		line = append(line, piece...)
		if whole {
			break
		}
	}
	s.line(bytes.Clone(line))
	return nil
}
