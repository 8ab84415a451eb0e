package buildcache

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pgtest/harness/internal/private"
)

const (
	indexName   = "index"
	refusedName = ".refused" // behind the key: the program did not take a bundle
	tempPrefix  = "tmp-"

	// maxKept is how many unpacked bundles are kept, and maxAge for how long one
	// that is not used.
	maxKept = 8
	maxAge  = 5 * 24 * time.Hour

	// staleTemp is the age after which the writer of a temporary file counts as
	// dead. A bundle that was used for the last time before that can be removed.
	staleTemp = time.Hour
)

func name(output id) string { return hex.EncodeToString(output[:]) }

// Beside returns the directory for unpacked bundles that goes with a link cache's.
func Beside(linkCache string) string { return filepath.Join(filepath.Dir(linkCache), "build") }

// Size returns the size of what is unpacked in dir, in bytes, and how many bundles
// that are.
func Size(dir string) (size int64, bundles int) {
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
	for _, path := range files {
		if info, err := os.Lstat(path); err == nil {
			size += info.Size()
		}
		if filepath.Base(path) == indexName {
			bundles++
		}
	}
	return size, bundles
}

// Clean removes what is unpacked in dir. A go command that runs meanwhile may miss
// files.
func Clean(dir string) error { return os.RemoveAll(dir) }

// A store is a directory of the user's with unpacked bundles, of which one is this
// run's. What is in a bundle's directory does not change.
type store struct {
	dir string // of all
	key string // of the run's bundle
}

func openStore(dir, key string) (*store, error) {
	dir, err := private.OpenDir(dir)
	return &store{dir, key}, err
}

func (s *store) bundle() string { return filepath.Join(s.dir, s.key) }

// load returns the entries of the run's bundle. It returns none if that is not
// there, or not whole.
func (s *store) load() map[id]entry {
	index, err := os.ReadFile(filepath.Join(s.bundle(), indexName))
	if err != nil {
		return nil
	}
	entries := make(map[id]entry)
	if readRecords(bytes.NewReader(index), func(r record) error {
		entries[r.action] = r.entry
		return nil
	}) != nil {
		return nil
	}
	return entries
}

// output returns the path of an entry's output, "" if it is not there.
func (s *store) output(e entry) string {
	path := filepath.Join(s.bundle(), name(e.output))
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() || info.Size() != e.size {
		return ""
	}
	return path
}

// add makes the directory of the run's bundle: fill fills another, which then takes
// the name. If a run beside this one was first, its directory stays, unless it is
// not whole.
func (s *store) add(fill func(dir string) error) error {
	temp, err := os.MkdirTemp(s.dir, tempPrefix)
	if err != nil {
		return err
	}
	if err = fill(temp); err == nil {
		if s.load() == nil {
			os.RemoveAll(s.bundle())
		}
		err = os.Rename(temp, s.bundle())
	}
	if err != nil {
		os.RemoveAll(temp)
	}
	return err
}

// temp returns a file without a name.
func (s *store) temp() (*os.File, error) {
	f, err := os.CreateTemp(s.dir, tempPrefix)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// touch notes that the run's bundle is of use.
func (s *store) touch() {
	now := time.Now()
	os.Chtimes(filepath.Join(s.bundle(), indexName), now, now)
}

// refused reports whether the program did not take the run's bundle within the last
// day.
func (s *store) refused() bool {
	info, err := os.Lstat(s.bundle() + refusedName)
	return err == nil && time.Since(info.ModTime()) < 24*time.Hour
}

func (s *store) noteRefused() { os.WriteFile(s.bundle()+refusedName, nil, 0o600) }

// trim removes what was not used for long, and what is more than maxKept.
func (s *store) trim() {
	files, _ := os.ReadDir(s.dir)
	type kept struct {
		path string
		used time.Time
	}
	var bundles []kept
	for _, f := range files {
		path := filepath.Join(s.dir, f.Name())
		info, err := os.Lstat(filepath.Join(path, indexName))
		if err == nil && !strings.HasPrefix(f.Name(), tempPrefix) {
			bundles = append(bundles, kept{path, info.ModTime()})
			continue
		}
		limit := maxAge
		if strings.HasPrefix(f.Name(), tempPrefix) {
			limit = staleTemp
		}
		if info, err := f.Info(); err == nil && time.Since(info.ModTime()) > limit {
			os.RemoveAll(path)
		}
	}
	slices.SortFunc(bundles, func(a, b kept) int { return b.used.Compare(a.used) })
	for i, b := range bundles {
		if age := time.Since(b.used); age > maxAge || i >= maxKept && age > staleTemp {
			os.RemoveAll(b.path)
		}
	}
}
