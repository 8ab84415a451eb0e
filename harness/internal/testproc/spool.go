//go:build unix

package testproc

import (
	"bytes"
	"io"
	"os"
)

// A Spool keeps output in memory, and all of it in a file once it grows too
// large.
type Spool struct {
	memory bytes.Buffer
	file   *os.File
	size   int64 // of what the file holds
}

// MaxMemory is how many bytes a Spool keeps in memory.
const MaxMemory = 1 << 20

// Empty reports whether nothing is kept.
func (s *Spool) Empty() bool { return s.file == nil && s.memory.Len() == 0 }

// Write returns how many bytes it kept. Those stay readable also after an
// error.
func (s *Spool) Write(b []byte) (int, error) {
	if s.file == nil && s.memory.Len()+len(b) > MaxMemory {
		if err := s.toFile(); err != nil {
			return 0, err
		}
	}
	if s.file == nil {
		return s.memory.Write(b)
	}
	n, err := s.file.Write(b)
	s.size += int64(n)
	return n, err
}

func (s *Spool) toFile() error {
	file, err := os.CreateTemp("", "pgtest-output-")
	if err != nil {
		return err
	}
	os.Remove(file.Name())
	n, err := file.Write(s.memory.Bytes())
	if err != nil {
		file.Close()
		return err
	}
	s.file, s.size, s.memory = file, int64(n), bytes.Buffer{}
	return nil
}

// CopyTo writes what was kept, and forgets it. It returns an error if a part
// could not be read.
func (s *Spool) CopyTo(w io.Writer) error {
	if s.file == nil {
		w.Write(s.memory.Bytes())
		s.memory = bytes.Buffer{}
		return nil
	}
	n, err := io.Copy(unfailing{w}, io.NewSectionReader(s.file, 0, s.size))
	s.file.Close()
	s.file = nil
	if err == nil && n < s.size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// unfailing drops the errors of a writer.
type unfailing struct{ w io.Writer }

func (u unfailing) Write(b []byte) (int, error) {
	u.w.Write(b)
	return len(b), nil
}
