package linkcache

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/harness/internal/private"
)

const (
	entrySuffix = ".link"
	tempPrefix  = "tmp-"
)

func statOf(info os.FileInfo) *syscall.Stat_t { return info.Sys().(*syscall.Stat_t) }

func (c *Cache) entryPath(k key) string { return filepath.Join(c.dir, k.String()+entrySuffix) }

// open opens a file of the cache. Whoever could write into the directory once,
// before it was the user's alone, may have left symbolic links, named pipes,
// and other names of files that are not the cache's: what is not a regular
// file of the user's with this one name is an error, or, with os.O_CREATE,
// makes room for a new file. os.O_TRUNC would be heeded before the check.
func (c *Cache) open(path string, flag int) (*os.File, error) {
	f, err := openPlain(path, flag)
	if err == nil || flag&os.O_CREATE == 0 {
		return f, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return openPlain(path, flag|os.O_EXCL)
}

func openPlain(path string, flag int) (*os.File, error) {
	// A named pipe must not block.
	f, err := os.OpenFile(path, flag|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !isPlain(info) {
		err = errDamaged
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// isPlain reports whether a file is what the cache makes: a regular file of
// the user's, with one name.
func isPlain(info os.FileInfo) bool {
	return statOf(info).Nlink == 1 && info.Mode().IsRegular() && private.Owns(info)
}

// read returns the content of a file of the cache. It returns an error if that
// is longer than max bytes.
func (c *Cache) read(path string, max int64) ([]byte, error) {
	f, err := c.open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(data)) > max {
		err = errDamaged
	}
	return data, err
}

// errInputsChanged means that the entry is whole, but one of its inputs has
// changed.
var errInputsChanged = errors.New("inputs of the link have changed")

// get writes the entry with key k to the file output and returns what the
// linker printed. Any error is a miss. Damaged and foreign files are errors,
// and stay: the next put replaces them.
func (c *Cache) get(k key, output string) (printed []byte, err error) {
	f, err := c.open(c.entryPath(k), os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := readTail(f, entryMagic, k)
	if err != nil {
		return nil, err
	}
	if _, unchanged := present(t.meta.Inputs); !unchanged {
		return nil, errInputsChanged
	}
	if err := t.extract(output, func(out *os.File) error { return copyFile(out, f, t.size) }); err != nil {
		return nil, err
	}
	touch(f)
	return t.meta.Output, nil
}

// touch records the use of an entry: its modification time is the time of the
// last use, to the minute.
func touch(f *os.File) {
	info, err := f.Stat()
	if err != nil {
		return
	}
	now := time.Now()
	if age := now.Sub(info.ModTime()); age < 0 || age > time.Minute {
		setTime(f, now)
	}
}

// setTime sets the modification time of an open file. It does not use the name,
// which may refer to another file by now.
func setTime(f *os.File, t time.Time) error {
	tv := unix.NsecToTimeval(t.UnixNano())
	return unix.Futimes(int(f.Fd()), []unix.Timeval{tv, tv})
}

// put stores the binary in file under k, replacing any earlier entry.
func (c *Cache) put(k key, file string, m meta) error {
	binary, err := os.Open(file)
	if err != nil {
		return err
	}
	defer binary.Close()
	info, err := binary.Stat()
	if err != nil {
		return err
	}
	s, err := sumFile(binary, info.Size())
	if err != nil {
		return err
	}
	return c.replace(c.entryPath(k), func(temp *os.File) error {
		return writeEntry(temp, binary, k, tail{meta: m, size: info.Size(), sums: s})
	})
}

// replace creates a file of the cache: fill writes it to a temporary file,
// which then takes the name. Readers see the old file or the new one, whole.
func (c *Cache) replace(path string, fill func(temp *os.File) error) (err error) {
	temp, err := os.CreateTemp(c.dir, tempPrefix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(temp.Name())
		}
	}()
	err = fill(temp)
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err = os.Rename(temp.Name(), path); err != nil {
		os.Remove(path) // an empty directory can't be replaced
		err = os.Rename(temp.Name(), path)
	}
	return err
}
