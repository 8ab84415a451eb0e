package linkcache

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// staleTemp is the age at which a temporary file's writer is taken for dead.
const staleTemp = time.Hour

type entryFile struct {
	path string
	size int64
	used time.Time
}

// entries lists the entries. One that goes away meanwhile is left out.
func (c *Cache) entries() ([]entryFile, error) {
	files, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, err
	}
	var entries []entryFile
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), entrySuffix) {
			continue
		}
		if info, err := file.Info(); err == nil {
			entries = append(entries, entryFile{filepath.Join(c.dir, file.Name()), info.Size(), info.ModTime()})
		}
	}
	return entries, nil
}

// Trim removes the entries that were not used for MaxAge, then those that were
// not used for the longest time until at most MaxSize bytes are left. It is
// meant to run beside a run of tests: it takes a few milliseconds, or none if
// nothing was stored since the last time. A link that is just reading an entry
// is not disturbed, and a Trim of another process makes it return at once.
func (c *Cache) Trim() error {
	if info, err := os.Stat(c.logPath()); err == nil && info.Size() > maxLog {
		os.Remove(c.logPath())
	}
	if c.isTrim() {
		return nil
	}
	started := time.Now()
	lock, err := os.OpenFile(filepath.Join(c.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil
		}
		return &fs.PathError{Op: "lock", Path: lock.Name(), Err: err}
	}
	c.removeOlder(tempPrefix, "", staleTemp)
	c.removeOlder("", versionSuffix, c.MaxAge)
	if err := c.evict(c.MaxSize, started.Add(-c.MaxAge)); err != nil {
		return err
	}
	// What is stored meanwhile makes the directory newer than that. Its time may be
	// coarse.
	before := started.Add(-time.Second)
	if err := os.WriteFile(c.trimPath(), c.bounds(), 0o600); err != nil {
		return err
	}
	return os.Chtimes(c.trimPath(), before, before)
}

// trimInterval is how long a cache to which nothing is added is left alone.
const trimInterval = time.Hour

func (c *Cache) trimPath() string { return filepath.Join(c.dir, "trimmed") }

// bounds is what the file at trimPath holds: the bounds that were kept to.
func (c *Cache) bounds() []byte { return fmt.Appendln(nil, c.MaxSize, c.MaxAge) }

// isTrim says whether Trim has done its work not long ago, and nothing was stored
// since: that changes the directory's time.
func (c *Cache) isTrim() bool {
	bounds, err := os.ReadFile(c.trimPath())
	if err != nil || !bytes.Equal(bounds, c.bounds()) {
		return false
	}
	last, err := os.Stat(c.trimPath())
	if err != nil || !ownFile(last) || time.Since(last.ModTime()) > trimInterval {
		return false
	}
	dir, err := os.Stat(c.dir)
	return err == nil && !dir.ModTime().After(last.ModTime())
}

// evict removes entries last used before oldest, then the longest unused until
// the rest is small enough.
func (c *Cache) evict(maxSize int64, oldest time.Time) error {
	entries, err := c.entries()
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b entryFile) int { return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.path, b.path)) })
	var size int64
	for _, e := range entries {
		size += e.size
		if e.used.After(oldest) && size <= maxSize {
			continue
		}
		if err := os.Remove(e.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// removeOlder removes the files with a prefix and a suffix that were not written
// for age: what killed processes left, and answers of tools that are gone.
func (c *Cache) removeOlder(prefix, suffix string, age time.Duration) {
	files, _ := os.ReadDir(c.dir)
	for _, file := range files {
		if !strings.HasPrefix(file.Name(), prefix) || !strings.HasSuffix(file.Name(), suffix) {
			continue
		}
		if info, err := file.Info(); err == nil && time.Since(info.ModTime()) > age {
			os.Remove(filepath.Join(c.dir, file.Name()))
		}
	}
}

// Clean removes all entries and forgets the counts. Links that run meanwhile
// may store new entries.
func (c *Cache) Clean() error {
	if err := os.Remove(c.logPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c.removeOlder("", versionSuffix, -time.Hour)
	return c.evict(-1, time.Now())
}
