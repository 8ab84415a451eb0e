package linkcache

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Whoever could once write into the cache's directory may have left things
// there. None is followed, written through, waited for, or in the way.
func TestPlantedFiles(t *testing.T) {
	const text = "not the cache's\n"
	plant := map[string]func(t *testing.T, path, victim string) error{
		"symbolic link":            func(_ *testing.T, path, victim string) error { return os.Symlink(victim, path) },
		"symbolic link to nothing": func(_ *testing.T, path, victim string) error { return os.Symlink(victim+".new", path) },
		"hard link":                func(_ *testing.T, path, victim string) error { return os.Link(victim, path) },
		"named pipe":               func(_ *testing.T, path, _ string) error { return syscall.Mkfifo(path, 0o666) },
		"directory":                func(_ *testing.T, path, _ string) error { return os.Mkdir(path, 0o777) },
		"another's file": func(t *testing.T, path, _ string) error {
			needRoot(t)
			return errors.Join(os.WriteFile(path, []byte(text), 0o666), os.Chown(path, otherUser, -1))
		},
	}
	for _, name := range []string{"log", "trimmed", "lock", "entry", "version"} {
		for kind, plant := range plant {
			t.Run(name+" is a "+kind, func(t *testing.T) {
				c := openCache(t)
				l := newFakeLink(t, c, writesBinary)
				l.mustLink("first", 1)
				tool := filepath.Join(t.TempDir(), "tool", "linux", "compile")
				writeFile(t, tool, "#!/bin/sh\necho compile version 1\n", 0o777)
				askVersion(t, c, tool)
				if err := c.Trim(); err != nil {
					t.Fatal(err)
				}
				version, err := c.versionPath(tool)
				if err != nil {
					t.Fatal(err)
				}
				path := map[string]string{"entry": l.entry(), "version": version}[name]
				if path == "" {
					path = filepath.Join(c.Dir(), name)
				}
				victim := filepath.Join(t.TempDir(), "victim")
				writeFile(t, victim, text, 0o600)
				old := time.Now().Add(-time.Hour)
				if err := os.Chtimes(victim, old, old); err != nil {
					t.Fatal(err)
				}
				if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				if err := plant(t, path, victim); err != nil {
					t.Fatal(err)
				}

				l.flags[1] += "x" // another link, which is stored and logged
				l.mustLink("another", 2)
				l.flags[1] = strings.TrimSuffix(l.flags[1], "x")
				linked := 2
				if name == "entry" {
					linked++
				}
				l.mustLink("first again", linked)
				l.mustLink("first once more", linked)
				if got := askVersion(t, c, tool); got != "compile version 1\n" {
					t.Errorf("version %q", got)
				}
				if err := c.Trim(); err != nil {
					t.Error(err)
				}
				if _, err := c.Stats(); err != nil {
					t.Error(err)
				}
				if err := c.Clean(); err != nil {
					t.Error(err)
				}
				if info, err := os.Stat(victim); err != nil || readFile(t, victim) != text || !info.ModTime().Equal(old) {
					t.Errorf("the file elsewhere was changed: %q, %v", readFile(t, victim), err)
				}
				if _, err := os.Stat(victim + ".new"); err == nil {
					t.Error("a file was created elsewhere")
				}
			})
		}
	}
}

// An answer that is filed under another tool's name is not believed.
func TestVersionKnowsItsName(t *testing.T) {
	c := openCache(t)
	dir := filepath.Join(t.TempDir(), "tool", "linux_amd64")
	var paths []string
	for _, name := range []string{"compile", "link"} {
		tool := filepath.Join(dir, name)
		writeFile(t, tool, "#!/bin/sh\necho "+name+" version 1\n", 0o777)
		askVersion(t, c, tool)
		path, err := c.versionPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	if err := os.Rename(paths[0], paths[1]); err != nil {
		t.Fatal(err)
	}
	if got := askVersion(t, c, filepath.Join(dir, "link")); got != "link version 1\n" {
		t.Errorf("the linker's answer is %q", got)
	}
}

// Files from the future do not stay for ever, and do not stop Trim.
func TestTrimOfTheFuture(t *testing.T) {
	future := -365 * 24 * time.Hour
	c := openCache(t)
	addEntry(t, c, "a.link", 100, 10*24*time.Hour)
	if err := c.Trim(); err != nil {
		t.Fatal(err)
	}
	addEntry(t, c, "b.link", 100, 10*24*time.Hour)
	for _, name := range []string{"b.link", "c.version", "tmp-d", "trimmed"} {
		if name != "trimmed" {
			addEntry(t, c, name, 100, future)
		}
		year := time.Now().Add(-future)
		if err := os.Chtimes(filepath.Join(c.Dir(), name), year, year); err != nil {
			t.Fatal(err)
		}
	}
	if c.isTrim() {
		t.Error("a note from the future stops Trim")
	}
	if err := c.Trim(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"b.link", "c.version", "tmp-d", "trimmed"} {
		if info, err := os.Stat(filepath.Join(c.Dir(), name)); err != nil || time.Until(info.ModTime()) > 0 {
			t.Errorf("%s is still from the future: %v", name, err)
		}
	}
}

// Sizes whose sum is too large for a number do not keep everything.
func TestTrimOfHugeFiles(t *testing.T) {
	c := openCache(t)
	for i, name := range []string{"a.link", "b.link", "c.link"} {
		addEntry(t, c, name, 10, time.Duration(i+1)*time.Minute)
		if err := os.Truncate(filepath.Join(c.Dir(), name), 1<<43); err != nil {
			t.Skip(err)
		}
	}
	if stats, err := c.Stats(); err != nil || stats.Size != 3<<43 {
		t.Errorf("%+v, %v", stats, err)
	}
	if err := c.evict(100, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if stats, err := c.Stats(); err != nil || stats.Entries != 0 {
		t.Errorf("%+v, %v", stats, err)
	}
}

// A log that is long, old or damaged does not count, and does no harm.
func TestDamagedLog(t *testing.T) {
	c := openCache(t)
	writeFile(t, c.logPath(), "hhmmuu\nhit\nuncached for a reason\nuncached for a reason\nnonsense\nmiss", 0o600)
	stats, err := c.Stats()
	if err != nil || stats.Hits != 1 || stats.Misses != 1 || stats.Uncached != 2 ||
		len(stats.Reasons) != 1 || stats.Reasons[0] != (Reason{"for a reason", 2}) {
		t.Errorf("%+v, %v", stats, err)
	}
	c.noteUncached(errors.New("a\nb\x1b[31m" + strings.Repeat("ä", 200)))
	if log := readFile(t, c.logPath()); strings.Count(log, "\n") != 6 || strings.Contains(log, "\x1b") || !strings.HasSuffix(log, "ä...\n") {
		t.Errorf("log %q", log)
	}
	if err := os.Truncate(c.logPath(), 1<<43); err != nil {
		t.Skip(err)
	}
	if stats, err := c.Stats(); err != nil || stats.Hits != 0 {
		t.Errorf("%+v, %v", stats, err)
	}
}
