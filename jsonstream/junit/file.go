package junit

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a file that appears whole or not at all: it is written beside its
// target and takes the target's place with Commit. Until the first Write
// nothing is there, so a run that is killed leaves nothing behind.
type File struct {
	path   string // as the user gave it
	target string // the file itself, where path is a link; empty for a device
	f      *os.File
	err    error // the first of Write
}

// Create makes missing parent directories and checks that a report can be
// written to path, by making a file beside it and removing it again. It fails
// if that is not possible or if path is a directory; the error's text is the
// path and the reason ("out/x.xml: permission denied"). A path that is neither
// a file nor absent, such as /dev/stdout or a named pipe, is opened as it is,
// and written in place.
func Create(path string) (*File, error) {
	f := &File{path: path, target: path}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		f.target = target
	}
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return nil, f.error(errors.New("is a directory"))
	case err == nil && !info.Mode().IsRegular():
		f.target = ""
		if f.f, err = os.OpenFile(path, os.O_WRONLY, 0); err != nil {
			return nil, f.error(err)
		}
		return f, nil
	}
	if err := os.MkdirAll(filepath.Dir(f.target), 0o755); err != nil {
		return nil, f.error(err)
	}
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, f.discard()
}

// open makes the file beside the target, with the target's mode or that of a
// new file.
func (f *File) open() error {
	mode := fs.FileMode(0o666)
	info, statErr := os.Stat(f.target)
	if statErr == nil {
		mode = info.Mode().Perm()
	}
	name := filepath.Join(filepath.Dir(f.target), ".pgtest-"+rand.Text())
	var err error
	if f.f, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode); err != nil {
		return f.error(err)
	}
	if statErr == nil {
		f.f.Chmod(mode) // the umask took bits that the target has; no matter if not
	}
	return nil
}

// discard closes and removes the file beside the target.
func (f *File) discard() error {
	name := f.f.Name()
	f.f.Close()
	f.f = nil
	if err := os.Remove(name); err != nil {
		return f.error(err)
	}
	return nil
}

// Write implements [io.Writer].
func (f *File) Write(p []byte) (int, error) {
	if f.f == nil {
		if err := f.open(); err != nil {
			return 0, err
		}
	}
	n, err := f.f.Write(p)
	if err != nil {
		err = f.error(err)
		f.err = err
	}
	return n, err
}

// Commit puts what was written in the target's place, an empty file if nothing
// was. On an error, also of an earlier Write, the target is as it was. The File
// is of no more use.
func (f *File) Commit() error {
	if _, err := f.Write(nil); err != nil || f.err != nil {
		f.Abort()
		return errors.Join(f.err, err)
	}
	if err := f.f.Close(); err != nil {
		f.Abort()
		return f.error(err)
	}
	if f.target == "" {
		return nil
	}
	if err := os.Rename(f.f.Name(), f.target); err != nil {
		f.Abort()
		return f.error(err)
	}
	return nil
}

// Abort drops what was written; the target is as it was. It comes instead of
// Commit, or after one that failed.
func (f *File) Abort() {
	if f.f == nil {
		return
	}
	f.f.Close()
	if f.target != "" {
		os.Remove(f.f.Name())
	}
	f.f = nil
}

// error puts the path that the user gave before the bare reason.
func (f *File) error(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return &pathError{f.path, err}
}

type pathError struct {
	path string
	err  error
}

func (e *pathError) Error() string { return e.path + ": " + e.err.Error() }
func (e *pathError) Unwrap() error { return e.err }
