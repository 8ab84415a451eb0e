package outfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"pgtest/harness/steady"
)

// Lines writes a file whose content is whole lines at any moment, provided that
// each Write is of whole lines.
type Lines struct {
	path    string
	f       *os.File
	regular bool
	created bool
	size    int64
	err     error // the first of Write
}

// OpenLines opens path for writing, after making missing parent directories.
// The file keeps its content until Start. The error's text is the path and the
// reason.
//
// A named pipe is opened for writing only, which may block until it has a
// reader. A descriptor, such as /dev/stdout, is written from its current
// offset.
func OpenLines(path string) (*Lines, error) {
	l := &Lines{path: path}
	var err error
	if l.f, err = openStream(path); err != nil || l.f != nil {
		return l, named(path, err)
	}
	target := followLinks(path)
	if err = os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return nil, named(path, err)
	}
	if l.f, err = os.OpenFile(target, os.O_WRONLY, 0); errors.Is(err, fs.ErrNotExist) {
		l.created = true
		l.f, err = os.OpenFile(target, os.O_WRONLY|os.O_CREATE, 0o666)
	}
	l.regular = true
	return l, named(path, err)
}

// IsFile reports whether both write one regular file.
func (l *Lines) IsFile(other *Lines) bool {
	info, err := l.f.Stat()
	otherInfo, otherErr := other.f.Stat()
	return l.regular && err == nil && otherErr == nil && os.SameFile(info, otherInfo)
}

// Start truncates a regular file.
func (l *Lines) Start() error {
	if !l.regular {
		return nil
	}
	return named(l.path, l.f.Truncate(0))
}

// Write writes lines. After an error a file keeps only the lines that were
// written whole.
func (l *Lines) Write(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	n, err := steady.Writer(l.f).Write(p)
	if err == nil {
		l.size += int64(n)
		return n, nil
	}
	l.err = named(l.path, err)
	if l.regular {
		l.f.Truncate(l.size + int64(bytes.LastIndexByte(p[:n], '\n')+1))
	}
	return n, l.err
}

// Close closes the file and returns the first error of writing it.
func (l *Lines) Close() error {
	if err := named(l.path, l.f.Close()); l.err == nil {
		l.err = err
	}
	return l.err
}

// Abort replaces Close if Start was not called. It removes the file if
// OpenLines created it.
func (l *Lines) Abort() {
	l.f.Close()
	if l.created {
		os.Remove(l.f.Name())
	}
}
