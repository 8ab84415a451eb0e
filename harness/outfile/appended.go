package outfile

import (
	"errors"
	"os"

	"pgtest/harness/steady"
)

// Appended is a file to which others write, too. It is opened for each Write,
// and made if it is not there.
type Appended struct{ path string }

// NewAppended returns the file of a path, which it does not look at.
func NewAppended(path string) *Appended { return &Appended{path} }

// Size returns how long the file is, 0 if there is none.
func (a *Appended) Size() int64 {
	info, err := os.Stat(a.path)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

// Write appends p, or nothing: half a text is taken back. The error's text is the
// path and the reason.
func (a *Appended) Write(p []byte) (int, error) {
	f, err := os.OpenFile(a.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return 0, named(a.path, err)
	}
	before, err := f.Stat()
	if err == nil {
		_, err = steady.Writer(f).Write(p)
	}
	if err != nil && before != nil && before.Mode().IsRegular() {
		f.Truncate(before.Size())
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return 0, named(a.path, err)
	}
	return len(p), nil
}
