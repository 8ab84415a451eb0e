package linkcache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// An input is something that a link depended on and that the go command does
// not know: a C library, a start file, the C compiler, a directory in which
// libraries are looked for. An entry is used only if every input is unchanged,
// by its stamp or else by its content. The content makes entries useful on
// other machines.
type input struct {
	Kind inputKind

	// Name is the program's name for a programInput, else empty.
	Name string `json:",omitempty"`

	// Path is an absolute path; empty for a program that was not found.
	Path string `json:",omitempty"`

	// Stamp holds device, inode, size and times. Empty if there is nothing at
	// Path.
	Stamp string `json:",omitempty"`

	// Sum is a hash of the content, for a directory of the names of the
	// libraries in it. Empty if there is nothing at Path.
	Sum string `json:",omitempty"`
}

type inputKind string

const (
	fileInput      inputKind = "file"
	directoryInput inputKind = "directory" // searched for libraries
	programInput   inputKind = "program"   // found on PATH by its name
	workingInput   inputKind = "cwd"       // the working directory, whichever it is: no library lies there
)

// errTooNew means that an input may have changed while the link ran.
const errTooNew notCacheable = "a file that the link read has changed during the link"

// newInput describes an input of a link that started at the given time. name
// is a program's name or a path.
func newInput(kind inputKind, name string, started time.Time) (input, error) {
	in := input{Kind: kind}
	switch kind {
	case programInput:
		in.Name = name
		path, err := exec.LookPath(name)
		if errors.Is(err, exec.ErrNotFound) {
			return in, nil // that it is missing is what the link depended on
		}
		if err != nil {
			return in, err
		}
		name = path
	case workingInput:
		if _, unchanged := in.present(); !unchanged {
			return in, notCacheable("a library in the working directory")
		}
		return in, nil
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return input{}, err
	}
	in.Path = path
	before, changed, err := stamp(path)
	if errors.Is(err, fs.ErrNotExist) {
		return in, nil
	}
	if err != nil {
		return input{}, err
	}
	// Times of files advance by up to 10 ms at once.
	if !changed.Before(started.Add(-10 * time.Millisecond)) {
		return input{}, errTooNew
	}
	in.Stamp = before
	if in.Sum, err = in.sum(); err != nil {
		return input{}, err
	}
	if after, _, err := stamp(path); err != nil || after != before {
		return input{}, errTooNew
	}
	return in, nil
}

// stamp returns a text that changes when the file at path may have changed, and
// the time of its last change. Programs can't set the inode change time, so a
// library that is replaced with its modification time kept gets another stamp.
func stamp(path string) (string, time.Time, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", time.Time{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	changed := time.Unix(st.Ctim.Unix())
	return fmt.Sprintf("%d %d %d %d %d", st.Dev, st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano()), changed, nil
}

// present returns the inputs with the stamps that they have now, and whether
// all are what they were.
func present(inputs []input) (now []input, unchanged bool) {
	for _, in := range inputs {
		if in, unchanged = in.present(); !unchanged {
			return nil, false
		}
		now = append(now, in)
	}
	return now, true
}

func (in input) present() (now input, unchanged bool) {
	switch in.Kind {
	case workingInput:
		names, err := os.ReadDir(".")
		return in, err == nil && !slices.ContainsFunc(names, func(e fs.DirEntry) bool { return isLibrary(e.Name()) })
	case programInput:
		path, err := exec.LookPath(in.Name)
		if err != nil || in.Path == "" {
			return in, errors.Is(err, exec.ErrNotFound) && in.Path == ""
		}
		if path, err = filepath.Abs(path); err != nil || path != in.Path {
			return in, false
		}
	}
	// First the stamp, then the content: a change between the two is found the
	// next time.
	stamp, _, err := stamp(in.Path)
	if err != nil {
		return in, errors.Is(err, fs.ErrNotExist) && in.Sum == ""
	}
	if in.Sum == "" || stamp == in.Stamp {
		return in, stamp == in.Stamp
	}
	in.Stamp = stamp
	sum, err := in.sum()
	return in, err == nil && sum == in.Sum
}

func (in input) sum() (string, error) {
	hash := hashFile
	if in.Kind == directoryInput {
		hash = hashLibraryNames
	}
	h := sha256.New()
	if err := hash(h, in.Path); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hashFile(w io.Writer, path string) error {
	// The path may be from another machine, and a named pipe or a device here.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, errDamaged)
	}
	_, err = io.Copy(w, f)
	return err
}

// hashLibraryNames hashes the names of libraries in a directory. A new library
// with the name of another, in an earlier directory of the search path, changes
// the link.
func hashLibraryNames(w io.Writer, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if matters(entry.Name()) {
			fmt.Fprintf(w, "%q\n", entry.Name())
		}
	}
	return nil
}
