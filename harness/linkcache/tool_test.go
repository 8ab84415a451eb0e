package linkcache

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"pgtest/harness/internal/private"
	"pgtest/harness/linkcache/toolexec"
)

func TestOtherToolsRunInPlace(t *testing.T) {
	c := openCache(t)
	for _, words := range [][]string{
		{"sh", "-c", "echo $$"},
		{filepath.Join(t.TempDir(), "link"), "-V=full"},
	} {
		if filepath.IsAbs(words[0]) {
			writeFile(t, words[0], "#!/bin/sh\necho $$\n", 0o777)
		}
		cmd := exec.Command(self(t), append([]string{Role}, toolexec.Command{Dir: c.Dir(), Words: words}.Args()...)...)
		out, err := cmd.Output()
		if want := fmt.Sprintln(cmd.Process.Pid); err != nil || string(out) != want {
			t.Errorf("%q: process %q, %v; want our own, %q", words, out, err, want)
		}
	}
	checkOutcomes(t, c, "")
}

func TestMissingTool(t *testing.T) {
	cmd := exec.Command(self(t), Role, "no-such-tool")
	out, _ := cmd.CombinedOutput()
	if !strings.Contains(string(out), `pgtest: exec: "no-such-tool"`) || cmd.ProcessState.ExitCode() != 127 {
		t.Errorf("%s, %v", out, cmd.ProcessState)
	}
	cmd = exec.Command(self(t), Role, "--wrap=1", "only-the-wrapper")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "no tool") {
		t.Errorf("%s, %v", out, err)
	}
}

func TestLinkHappensOnce(t *testing.T) {
	l := newFakeLink(t, openCache(t), writesBinary+"; echo warning: stale; echo loud >&2")
	l.cache.Outcomes = filepath.Join(t.TempDir(), "outcomes")
	first, _ := l.run()
	dir := filepath.Dir(l.output)
	if got := Outcomes(l.cache.Outcomes); got[dir] != "miss" || len(got) != 1 {
		t.Errorf("outcomes %q, want a miss for %s", got, dir)
	}
	binary := readFile(t, l.output)
	info, _ := os.Stat(l.output)
	l.mustLink("second time", 1)
	second, _ := l.run()
	if second != first || !strings.Contains(first, "stale") || !strings.Contains(first, "loud") {
		t.Errorf("printed %q, then %q", first, second)
	}
	again, err := os.Stat(l.output)
	if err != nil || readFile(t, l.output) != binary || len(binary) != 300000 {
		t.Errorf("the copy has %v bytes, %v", len(readFile(t, l.output)), err)
	}
	if again.Mode()&0o111 != info.Mode()&0o111 {
		t.Errorf("mode %v, linked %v", again.Mode(), info.Mode())
	}
	checkOutcomes(t, l.cache, "mhh")
	if got := Outcomes(l.cache.Outcomes); got[dir] != "hit" {
		t.Errorf("outcomes %q, want a hit for %s", got, dir)
	}
	if stats, err := l.cache.Stats(); err != nil || stats.Entries != 1 || stats.HitRate() < 0.66 || stats.Size < 300000 {
		t.Errorf("stats %+v, %v", stats, err)
	}
}

// A copy is a file of its own: the go command writes the build id into it.
func TestOutputIsNotTheEntry(t *testing.T) {
	l := newFakeLink(t, openCache(t), writesBinary)
	for range 2 {
		l.mustLink("link", 1)
		f, err := os.OpenFile(l.output, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("rewritten"), 1000); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	l.mustLink("after the rewrite", 1)
	if strings.Contains(readFile(t, l.output), "rewritten") {
		t.Error("the rewrite of a copy reached the entry")
	}
}

func TestFailedLinkIsNotStored(t *testing.T) {
	l := newFakeLink(t, openCache(t), `: >"$out"; echo undefined: f >&2; exit 3`)
	for range 2 {
		if out, status := l.run(); out != "undefined: f\n" || status != 3 {
			t.Errorf("%q, exit status %d", out, status)
		}
	}
	if l.linked() != 2 {
		t.Errorf("the linker has run %d times", l.linked())
	}
	checkOutcomes(t, l.cache, "uu")
	if stats, _ := l.cache.Stats(); stats.Entries != 0 {
		t.Errorf("stats %+v", stats)
	}
}

// When a failed link has called the external linker through us, the user sees
// what it prints without us.
func TestFailedExternalLinkNamesNoFileOfOurs(t *testing.T) {
	l := newFakeLink(t, openCache(t), `for a; do case $a in -extld=*) cc=${a#-extld=};; esac; done
$cc -c; echo running $cc failed; exit 2`)
	l.flags[2] = "-extld=false"
	if out, status := l.run(); out != "running false failed\n" || status != 2 {
		t.Errorf("%q, exit status %d", out, status)
	}
	checkOutcomes(t, l.cache, "u")
}

func TestKilledLinkerEndsTheLink(t *testing.T) {
	l := newFakeLink(t, openCache(t), `kill -9 $$`)
	l.command().Run()
	checkOutcomes(t, l.cache, "u")
}

func TestUnusableEntriesAreReplaced(t *testing.T) {
	foreign := func(t *testing.T, name string) {
		if os.Geteuid() != 0 {
			t.Skip("only root can give a file away")
		}
		if err := os.Chown(name, 12345, -1); err != nil {
			t.Fatal(err)
		}
	}
	edit := func(change func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, name string) {
			if err := os.WriteFile(name, change([]byte(readFile(t, name))), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	flip := func(at func(size int) int) func(*testing.T, string) {
		return edit(func(b []byte) []byte { b[at(len(b))] ^= 0x10; return b })
	}
	replaceBy := func(make func(name string) error) func(*testing.T, string) {
		return func(t *testing.T, name string) {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
			if err := make(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, damage := range map[string]func(*testing.T, string){
		"empty":             edit(func([]byte) []byte { return nil }),
		"truncated":         edit(func(b []byte) []byte { return b[:len(b)/2] }),
		"last byte missing": edit(func(b []byte) []byte { return b[:len(b)-1] }),
		"longer":            edit(func(b []byte) []byte { return append(b, 0) }),
		"footer only":       edit(func(b []byte) []byte { return b[len(b)-footerSize:] }),
		"first byte":        flip(func(int) int { return 0 }),
		"middle":            flip(func(size int) int { return size / 2 }),
		"meta":              flip(func(size int) int { return size - footerSize - 2 }),
		"magic":             flip(func(size int) int { return size - footerSize }),
		"binary length":     flip(func(size int) int { return size - footerSize + 15 }),
		"meta length":       flip(func(size int) int { return size - footerSize + 19 }),
		"binary sum":        flip(func(size int) int { return size - footerSize + 23 }),
		"footer sum":        flip(func(size int) int { return size - 1 }),
		"foreign":           foreign,
		"unreadable":        func(t *testing.T, name string) { os.Chmod(name, 0) },
		"named pipe":        replaceBy(func(name string) error { return syscall.Mkfifo(name, 0o600) }),
		"symbolic link":     replaceBy(func(name string) error { return os.Symlink("/bin/sh", name) }),
		"gone":              replaceBy(func(string) error { return nil }),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "unreadable" && os.Geteuid() == 0 {
				t.Skip("root can read anything")
			}
			l := newFakeLink(t, openCache(t), writesBinary)
			l.mustLink("first", 1)
			binary := readFile(t, l.output)
			damage(t, l.entry())
			l.mustLink("damaged", 2)
			l.mustLink("replaced", 2)
			if readFile(t, l.output) != binary {
				t.Error("wrong copy")
			}
			if info, err := os.Lstat(l.entry()); err != nil || !info.Mode().IsRegular() || !private.Owns(info) {
				t.Errorf("entry %v, %v", info, err)
			}
		})
	}
}

// An entry under another's name is no answer.
func TestEntryKnowsItsKey(t *testing.T) {
	c := openCache(t)
	a, b := newFakeLink(t, c, writesBinary), newFakeLink(t, c, `echo b >"$out"`)
	a.mustLink("a", 1)
	entry := a.entry()
	if err := os.Rename(entry, entry+".a"); err != nil {
		t.Fatal(err)
	}
	b.flags[1] += "b"
	b.mustLink("b", 1)
	if err := os.Rename(entry+".a", b.entry()); err != nil {
		t.Fatal(err)
	}
	b.mustLink("b again", 2)
	if got := readFile(t, b.output); got != "b\n" {
		t.Errorf("%d bytes", len(got))
	}
}

func TestUnwritableCacheStillLinks(t *testing.T) {
	l := newFakeLink(t, &Cache{dir: filepath.Join(t.TempDir(), "gone")}, writesBinary)
	l.mustLink("first", 1)
	l.mustLink("second", 2)
}

func TestUsersToolexecIsChained(t *testing.T) {
	l := newFakeLink(t, openCache(t), writesBinary)
	dir := t.TempDir()
	wrapper := filepath.Join(dir, "wrapper")
	calls := filepath.Join(dir, "calls")
	writeFile(t, wrapper, "#!/bin/sh\necho \"$1\" >>"+calls+"\nshift\nexec \"$@\"\n", 0o777)
	l.wrap = []string{wrapper, "its own word"}
	l.mustLink("first", 1)
	l.mustLink("second", 1)
	if got := readFile(t, calls); got != "its own word\n" {
		t.Errorf("the wrapper noted %q", got)
	}
	l.wrap[1] = "another word"
	l.mustLink("another word", 2)
	writeFile(t, wrapper, "#!/bin/sh\nshift\nexec \"$@\"\n", 0o777)
	l.mustLink("another wrapper", 3)
	l.wrap = nil
	l.mustLink("no wrapper", 4)
}

// Many links of the same and of other binaries at once, while the cache is
// trimmed: each output is whole and the right one.
func TestManyAtOnce(t *testing.T) {
	c := openCache(t)
	c.MaxSize = 700_000
	done := make(chan struct{})
	var trimmer, links sync.WaitGroup
	trimmer.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if err := c.Trim(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for i := range 8 {
		variant := fmt.Sprint(i % 4)
		l := newFakeLink(t, c, `head -c 300000 /dev/zero | tr '\0' `+variant+` >"$out"`)
		l.flags[1] += variant
		links.Go(func() {
			for range 5 {
				os.Remove(l.output)
				if out, err := l.command().CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
				data, err := os.ReadFile(l.output)
				if err != nil || !bytes.Equal(data, bytes.Repeat([]byte(variant), 300000)) {
					t.Errorf("variant %s: %d bytes, %v", variant, len(data), err)
				}
			}
		})
	}
	links.Wait()
	close(done)
	trimmer.Wait()
	if temps, _ := filepath.Glob(filepath.Join(c.Dir(), tempPrefix+"*")); len(temps) > 0 {
		t.Errorf("left %q", temps)
	}
}
