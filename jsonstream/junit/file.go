package junit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a file that appears whole or not at all: it is written beside its
// target and takes the target's place with Commit.
type File struct {
	f      *os.File
	target string
	mode   fs.FileMode
}

// Create makes missing parent directories and a temporary file beside path.
// It fails if the report could not be written at the end: the directory can't
// be written, or path names a directory. The error's text is the path and the
// reason, without the name of the temporary file.
func Create(path string) (*File, error) {
	mode := fs.FileMode(0o644)
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		target = path // it does not exist yet, or MkdirAll will say why
	}
	switch info, err := os.Stat(target); {
	case err == nil && info.IsDir():
		return nil, &pathError{path, errors.New("is a directory")}
	case err == nil && !info.Mode().IsRegular():
		return openSpecial(path)
	case err == nil:
		mode = info.Mode().Perm()
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return nil, &pathError{path, reason(err)}
	}
	f, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*")
	if err != nil {
		return nil, &pathError{path, reason(err)}
	}
	return &File{f: f, target: target, mode: mode}, nil
}

// openSpecial opens a device or a named pipe, such as /dev/stdout, which can
// only be written in place.
func openSpecial(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, &pathError{path, reason(err)}
	}
	return &File{f: f}, nil
}

// Write implements [io.Writer].
func (f *File) Write(p []byte) (int, error) {
	return f.f.Write(p)
}

// Commit puts the file in its place. On an error the target is as it was.
func (f *File) Commit() error {
	if f.target == "" {
		return f.f.Close()
	}
	err := f.f.Chmod(f.mode)
	if cerr := f.f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.f.Name(), f.target)
	}
	if err != nil {
		os.Remove(f.f.Name())
		return &pathError{f.target, reason(err)}
	}
	return nil
}

// Abort removes the temporary file; the target is as it was. It does nothing
// after Commit.
func (f *File) Abort() {
	if f.f.Close() == nil && f.target != "" {
		os.Remove(f.f.Name())
	}
}

type pathError struct {
	path string
	err  error
}

func (e *pathError) Error() string { return e.path + ": " + e.err.Error() }
func (e *pathError) Unwrap() error { return e.err }

// reason strips the operation and the name of the temporary file.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
