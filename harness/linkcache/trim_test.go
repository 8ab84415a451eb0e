package linkcache

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// addEntry puts a file of the given size into the cache, last used that long
// ago.
func addEntry(t *testing.T, c *Cache, name string, size int, unused time.Duration) {
	t.Helper()
	file := filepath.Join(c.Dir(), name)
	writeFile(t, file, strings.Repeat("x", size), 0o600)
	used := time.Now().Add(-unused)
	if err := os.Chtimes(file, used, used); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, c *Cache) []string {
	t.Helper()
	files, err := os.ReadDir(c.Dir())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		if file.Name() != "lock" && file.Name() != "trimmed" {
			names = append(names, strings.TrimSuffix(file.Name(), entrySuffix))
		}
	}
	return names
}

func TestTrim(t *testing.T) {
	c := openCache(t)
	addEntry(t, c, "a.link", 100, time.Minute)
	addEntry(t, c, "b.link", 100, time.Hour)
	addEntry(t, c, "c.link", 100, 2*time.Hour)
	addEntry(t, c, "d.link", 100, 24*6*time.Hour)
	addEntry(t, c, "log", maxLog, 0)
	addEntry(t, c, "tmp-old", 1, 2*time.Hour)
	addEntry(t, c, "tmp-new", 1, time.Second)
	for _, tt := range []struct {
		maxSize int64
		want    string
	}{
		{1000, "a b c log tmp-new"}, // d is too old
		{250, "a b log tmp-new"},    // c was unused the longest
		{99, "log tmp-new"},
	} {
		c.MaxSize = tt.maxSize
		if err := c.Trim(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(names(t, c), " "); got != tt.want {
			t.Errorf("maximum %d: left %q, want %q", tt.maxSize, got, tt.want)
		}
	}
	addEntry(t, c, "log", maxLog+1, 0)
	if err := c.Trim(); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(names(t, c), "log") {
		t.Error("the log is not bounded")
	}
}

// A cache is left alone until something is stored, or other bounds are to be
// kept.
func TestTrimOnce(t *testing.T) {
	c := openCache(t)
	c.MaxSize = 250
	trim := func(want string) {
		t.Helper()
		if err := c.Trim(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(names(t, c), " "); got != want {
			t.Errorf("left %q, want %q", got, want)
		}
	}
	// backdate makes the directory look as if nothing had been stored for a
	// minute.
	backdate := func() {
		t.Helper()
		past := time.Now().Add(-time.Minute)
		if err := os.Chtimes(c.Dir(), past, past); err != nil {
			t.Fatal(err)
		}
	}
	addEntry(t, c, "a.link", 100, time.Minute)
	addEntry(t, c, "b.link", 100, time.Hour)
	trim("a b")
	backdate()
	if !c.isTrim() {
		t.Error("it would look again, though nothing was stored")
	}
	addEntry(t, c, "c.link", 100, 0)
	if c.isTrim() {
		t.Error("it would not look, though something was stored")
	}
	trim("a c")
	backdate()
	c.MaxSize = 150
	trim("c")
	backdate()
	long := time.Now().Add(-2 * trimInterval)
	if err := os.Chtimes(c.trimPath(), long, long); err != nil {
		t.Fatal(err)
	}
	if c.isTrim() {
		t.Error("it would not look, though the last time was long ago")
	}
}

// A hit moves an entry to the end of the queue.
func TestUseKeepsAnEntry(t *testing.T) {
	l := newFakeLink(t, openCache(t), writesBinary)
	l.mustLink("first", 1)
	old := time.Now().Add(-4 * 24 * time.Hour)
	if err := os.Chtimes(l.entry(), old, old); err != nil {
		t.Fatal(err)
	}
	addEntry(t, l.cache, "other.link", 1000, time.Hour)
	l.mustLink("hit", 1)
	l.cache.MaxSize = 301_000
	if err := l.cache.Trim(); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(names(t, l.cache), "other") {
		t.Error("the entry that was used later is gone, or both are left")
	}
	l.mustLink("after trimming", 1)
}

func TestTrimLeavesTheWorkToAnother(t *testing.T) {
	c := openCache(t)
	addEntry(t, c, "a.link", 100, time.Minute)
	lock, err := os.Create(filepath.Join(c.Dir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	c.MaxSize = 0
	if err := c.Trim(); err != nil {
		t.Fatal(err)
	}
	if stats, err := c.Stats(); err != nil || stats.Entries != 1 {
		t.Errorf("stats %+v, %v", stats, err)
	}
}

func TestClean(t *testing.T) {
	l := newFakeLink(t, openCache(t), writesBinary)
	l.mustLink("first", 1)
	if err := l.cache.Clean(); err != nil {
		t.Fatal(err)
	}
	if stats, err := l.cache.Stats(); err != nil || stats.Entries != 0 || stats.Hits+stats.Misses != 0 {
		t.Errorf("stats %+v, %v", stats, err)
	}
	if err := l.cache.Clean(); err != nil {
		t.Errorf("an empty cache: %v", err)
	}
	l.mustLink("after", 2)
}
