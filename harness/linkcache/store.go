package linkcache

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	entrySuffix = ".link"
	tempPrefix  = "tmp-"
)

// ownFile reports whether the file belongs to the effective user.
func ownFile(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

func (c *Cache) entryPath(k key) string { return filepath.Join(c.dir, k.String()+entrySuffix) }

// errInputsChanged means that the entry is whole, but one of its inputs is not
// what it was.
var errInputsChanged = errors.New("inputs of the link have changed")

// get delivers the entry with key k to the file output and returns what the
// linker printed. Any error is a miss. Damaged and foreign files are errors,
// not removed: the next put replaces them.
func (c *Cache) get(k key, output string) (printed []byte, err error) {
	// A named pipe in the entry's place must not block.
	f, err := os.OpenFile(c.entryPath(k), os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || !ownFile(info) {
		return nil, errDamaged
	}
	m, size, s, err := readTail(f, k)
	if err != nil {
		return nil, err
	}
	if !unchanged(m.Inputs) {
		return nil, errInputsChanged
	}
	if err := extract(f, size, s, output); err != nil {
		return nil, err
	}
	c.touch(f.Name(), info)
	return m.Output, nil
}

// touch notes that an entry was used: its modification time is the time of the
// last use, to the minute.
func (c *Cache) touch(name string, info os.FileInfo) {
	now := time.Now()
	if age := now.Sub(info.ModTime()); age < 0 || age > time.Minute {
		os.Chtimes(name, now, now)
	}
}

// put stores the binary in file under k, in place of whatever is there.
func (c *Cache) put(k key, file string, m meta) error {
	binary, err := os.Open(file)
	if err != nil {
		return err
	}
	defer binary.Close()
	return c.write(k, func(temp *os.File) error { return writeEntry(temp, binary, k, m) })
}

// write creates the entry k: fill writes it to a temporary file, which then
// takes the entry's name. Readers see the old entry or the new one, whole.
func (c *Cache) write(k key, fill func(temp *os.File) error) (err error) {
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
	return os.Rename(temp.Name(), c.entryPath(k))
}
