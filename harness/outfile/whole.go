package outfile

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"pgtest/harness/steady"
)

// A Whole is a file that appears whole or not at all. It is written beside its
// target, and Commit renames it to the target. If the target can't be replaced
// (a mount, a directory that can't be written), Commit copies the content into
// the target. Where the system and the file system can, the file beside has a
// name only during Commit, so that a run which is killed leaves nothing behind.
// Elsewhere a run that is killed after the first Write leaves it.
type Whole struct {
	path    string // as the user gave it
	target  string // the file itself, where path is a link; empty for a stream
	keep    bool   // the target can't be replaced
	unnamed bool   // the file beside gets its name late

	f      *os.File // what Write writes to; nil before the first
	beside string   // name of the file beside; empty while it has none
	mem    *bytes.Buffer
	err    error // the first of Write
}

// CreateWhole makes missing parent directories and checks that path can be
// written: by making a file beside it and removing that, or else by opening the
// target. It fails if neither is possible or if path is a directory. The
// error's text is the path and the reason ("out/x.xml: permission denied").
// Symbolic links are followed, also to a target that does not exist yet.
//
// A path that exists and is no regular file, such as a named pipe, is opened,
// which may block until the pipe has a reader, and written in place. So is a
// descriptor, such as /dev/stdout, whatever it refers to.
func CreateWhole(path string) (*Whole, error) {
	w := &Whole{path: path}
	var err error
	if w.f, err = openStream(path); err != nil || w.f != nil {
		return w, named(path, err)
	}
	w.target = followLinks(path)
	info, statErr := os.Stat(w.target)
	switch {
	case statErr == nil && info.IsDir():
		return nil, named(path, errors.New("is a directory"))
	case statErr != nil && !errors.Is(statErr, fs.ErrNotExist):
		return nil, named(path, statErr)
	}
	if err := os.MkdirAll(filepath.Dir(w.target), 0o777); err != nil {
		return nil, named(path, err)
	}
	err = w.tryBeside()
	if statErr != nil {
		return w, named(path, err) // a new file is fine if one beside it was
	}
	w.keep = err != nil || isMount(w.target) || isProtected(w.target, info)
	if err := tryOpen(w.target); w.keep || isImmutable(err) {
		return w, named(path, err)
	}
	return w, nil
}

func (w *Whole) tryBeside() error {
	w.unnamed = true
	f, err := w.createBeside()
	if err == nil {
		err = w.name(f)
	}
	if err != nil {
		f.Close()
		w.unnamed = false
		f, err = w.createBeside()
	}
	if err != nil {
		return err
	}
	f.Close()
	err = os.Remove(w.beside)
	w.beside = ""
	return err
}

func tryOpen(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		f.Close()
	}
	return err
}

// createBeside makes a file beside the target, with the target's mode and owner
// or those of a new file.
func (w *Whole) createBeside() (*os.File, error) {
	mode := fs.FileMode(0o666)
	info, statErr := os.Stat(w.target)
	if statErr == nil {
		mode = info.Mode().Perm()
	}
	var f *os.File
	var err error
	if dir := filepath.Dir(w.target); w.unnamed {
		f, err = createUnnamed(dir, mode)
	} else {
		w.beside = besideName(dir)
		f, err = os.OpenFile(w.beside, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	}
	if err == nil && statErr == nil {
		// The owner is kept if this user may do that. The umask removed bits
		// that the target has.
		f.Chown(int(statOf(info).Uid), int(statOf(info).Gid))
		f.Chmod(mode)
	}
	return f, err
}

func besideName(dir string) string { return filepath.Join(dir, ".pgtest-"+rand.Text()) }

// name gives the file beside its name, if it has none.
func (w *Whole) name(f *os.File) error {
	if !w.unnamed {
		return nil
	}
	name := besideName(filepath.Dir(w.target))
	if err := link(f, name); err != nil {
		return err
	}
	w.beside = name
	return nil
}

// Write implements [io.Writer].
func (w *Whole) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.write(p)
	w.err = named(w.path, err)
	return n, w.err
}

func (w *Whole) write(p []byte) (int, error) {
	if w.f == nil && w.mem == nil {
		if err := w.open(); err != nil {
			return 0, err
		}
	}
	if w.mem != nil {
		return w.mem.Write(p)
	}
	return steady.Writer(w.f).Write(p)
}

// open makes what is written first: a file beside the target, or if the target
// can't be replaced, an unnamed file, or memory.
func (w *Whole) open() (err error) {
	if !w.keep {
		w.f, err = w.createBeside()
		return err
	}
	if w.f, err = os.CreateTemp("", "pgtest-*"); err != nil {
		w.mem = new(bytes.Buffer)
		return nil
	}
	os.Remove(w.f.Name())
	return nil
}

// Commit replaces the target by what was written, which is an empty file if
// nothing was. On an error, also of an earlier Write, the target is unchanged,
// except that a target which can't be replaced is empty if there was no room
// for the content. The Whole must not be used after Commit.
func (w *Whole) Commit() error {
	defer w.Abort()
	if _, err := w.Write(nil); err != nil {
		return err
	}
	switch {
	case w.target == "":
		return named(w.path, w.f.Close())
	case w.keep:
		return named(w.path, w.copy())
	}
	if err := w.name(w.f); err != nil {
		return named(w.path, err)
	}
	// A file system may report an error of writing only when the file is
	// closed.
	if err := w.f.Close(); err != nil {
		return named(w.path, err)
	}
	if os.Rename(w.beside, w.target) == nil {
		w.f = nil
		return nil
	}
	var err error
	if w.f, err = os.Open(w.beside); err != nil {
		return named(w.path, err)
	}
	return named(w.path, w.copy())
}

func (w *Whole) copy() error {
	f, err := os.OpenFile(w.target, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var from io.Reader = w.mem
	if w.mem == nil {
		from = io.NewSectionReader(w.f, 0, 1<<62)
	}
	n, err := io.Copy(f, from)
	if err != nil {
		f.Truncate(0) // half a report is worse than none
		return err
	}
	return errors.Join(f.Truncate(n), f.Close())
}

// Abort drops what was written and leaves the target unchanged. It may be
// called instead of Commit, or after it.
func (w *Whole) Abort() {
	if w.f == nil {
		return
	}
	w.f.Close()
	if w.beside != "" {
		os.Remove(w.beside)
	}
	w.f = nil
}

// IsSame reports whether both have one target.
func (w *Whole) IsSame(other *Whole) bool {
	if w.target == "" || other.target == "" {
		return false
	}
	info, err := os.Stat(w.target)
	otherInfo, otherErr := os.Stat(other.target)
	if err == nil && otherErr == nil {
		return os.SameFile(info, otherInfo)
	}
	path, err := filepath.Abs(w.target)
	otherPath, otherErr := filepath.Abs(other.target)
	return err == nil && otherErr == nil && path == otherPath
}

// IsFile reports whether the target is the file of lines.
func (w *Whole) IsFile(l *Lines) bool {
	if w.target == "" {
		return false
	}
	info, err := os.Stat(w.target)
	other, otherErr := l.f.Stat()
	return err == nil && otherErr == nil && os.SameFile(info, other)
}
