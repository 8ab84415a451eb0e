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

// staleTemp is the age after which a temporary file's writer counts as dead.
const staleTemp = time.Hour

type cacheFile struct {
	path string
	size int64
	used time.Time // entries: the last use; others: when it was written
}

// files lists the cache's files with a prefix and a suffix. It removes what the
// cache does not make, except directories, and leaves out what disappears
// meanwhile. A file with a time in the future would never become old, so it
// gets the present time.
func (c *Cache) files(prefix, suffix string) ([]cacheFile, error) {
	names, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	var files []cacheFile
	for _, name := range names {
		if !strings.HasPrefix(name.Name(), prefix) || !strings.HasSuffix(name.Name(), suffix) || name.IsDir() {
			continue
		}
		info, err := name.Info()
		if err != nil {
			continue
		}
		f := cacheFile{filepath.Join(c.dir, name.Name()), info.Size(), info.ModTime()}
		if !isPlain(info) {
			os.Remove(f.path)
			continue
		}
		if f.used.After(now.Add(futureSlack)) {
			f.used = now
			if opened, err := c.open(f.path, os.O_RDONLY); err == nil {
				setTime(opened, now)
				opened.Close()
			}
		}
		files = append(files, f)
	}
	return files, nil
}

// futureSlack is how far the clocks of machines that share a file system may
// differ.
const futureSlack = time.Minute

// Trim removes the entries that were not used for MaxAge, then those that were
// not used for the longest time until at most MaxSize bytes are left. It is
// meant to run beside a run of tests: it takes a few milliseconds, or none if
// nothing was stored since the last time. A link that is just reading an entry
// is not disturbed, and a Trim of another process makes it return at once.
func (c *Cache) Trim() error {
	if info, err := os.Lstat(c.logPath()); err == nil && info.Size() > maxLog {
		os.Remove(c.logPath())
	}
	if c.isTrim() {
		return nil
	}
	started := time.Now()
	lock, err := c.open(filepath.Join(c.dir, "lock"), os.O_RDWR|os.O_CREATE)
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
	return c.noteTrim(started)
}

// noteTrim records that the bounds held when the Trim started. An entry that is
// stored meanwhile makes the directory newer than the record, whose time may be
// coarse.
func (c *Cache) noteTrim(started time.Time) error {
	f, err := c.open(c.trimPath(), os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(0); err != nil {
		return err
	}
	if _, err := f.Write(c.bounds()); err != nil {
		return err
	}
	return setTime(f, started.Add(-time.Second))
}

// trimInterval is how long Trim leaves a cache alone to which nothing is added.
const trimInterval = time.Hour

func (c *Cache) trimPath() string { return filepath.Join(c.dir, "trimmed") }

// bounds is what the file at trimPath holds: the bounds that were kept to.
func (c *Cache) bounds() []byte { return fmt.Appendln(nil, c.MaxSize, c.MaxAge) }

// isTrim reports whether a recent Trim still holds: nothing was stored since,
// which would have changed the directory's time.
func (c *Cache) isTrim() bool {
	bounds, err := c.read(c.trimPath(), 64)
	if err != nil || !bytes.Equal(bounds, c.bounds()) {
		return false
	}
	last, err := os.Lstat(c.trimPath())
	if err != nil {
		return false
	}
	if age := time.Since(last.ModTime()); age < 0 || age > trimInterval {
		return false
	}
	dir, err := os.Stat(c.dir)
	return err == nil && !dir.ModTime().After(last.ModTime())
}

// evict removes entries last used before oldest, and then the longest unused
// ones until the rest fits into maxSize.
func (c *Cache) evict(maxSize int64, oldest time.Time) error {
	entries, err := c.files("", entrySuffix)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b cacheFile) int { return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.path, b.path)) })
	left := maxSize
	for _, e := range entries {
		if e.used.After(oldest) && e.size <= left {
			left -= e.size
			continue
		}
		left = -1
		if err := os.Remove(e.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// removeOlder removes the files with a prefix and a suffix that were not
// written for age: leftovers of killed processes, and answers of tools that are
// gone.
func (c *Cache) removeOlder(prefix, suffix string, age time.Duration) {
	files, _ := c.files(prefix, suffix)
	for _, f := range files {
		if time.Since(f.used) > age {
			os.Remove(f.path)
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
