package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"pgtest/harness/harnesstest"
)

// header is that of an archive for this machine, with one package.
func header() *Header {
	return &Header{
		Format: Format, Env: map[string]string{"GOOS": runtime.GOOS, "GOARCH": runtime.GOARCH, "GOVERSION": runtime.Version()},
		Dir: "files/0/m", Root: "files/0/m",
		Packages: []*Package{{ImportPath: "m/a", Dir: "files/0/m/a", Binary: "bin/b1/a.test"}, {ImportPath: "m/b", Dir: "files/0/m/b", Binary: "bin/b2/b.test"}},
	}
}

// write writes an archive of files below a directory, and returns its path.
func write(t *testing.T, dir string, names ...string) string {
	t.Helper()
	var w Writer
	for _, name := range names {
		if err := w.Add(name, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "x.tar.zst")
	f, err := os.Create(path)
	if err == nil {
		err = errors.Join(w.Write(t.Context(), f, header()), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o777)
		if target, isLink := strings.CutPrefix(text, "-> "); err == nil && isLink {
			err = os.Symlink(target, path)
		} else if err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// below returns what is below a directory, as put takes it.
func below(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if e.Type() == fs.ModeSymlink {
			target, err := os.Readlink(path)
			all[name] = "-> " + target
			return err
		}
		text, err := os.ReadFile(path)
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func anyBinary(string) bool { return true }

func TestRoundTrip(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	files := map[string]string{
		"bin/b1/a.test": "program a", "bin/b2/b.test": "program b", "files/0/m/go.mod": "module m\n", "files/0/m/a/empty": "",
		"files/0/m/a/link": "-> ../go.mod", "files/0/m/a/dangling": "-> nothing", "files/0/m/dir": "-> a",
	}
	put(t, dir, files)
	if err := os.Chmod(filepath.Join(dir, "bin/b1/a.test"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "files/0/m/go.mod"), 0o444); err != nil {
		t.Fatal(err)
	}
	path := write(t, dir, "bin/b1/a.test", "bin/b2/b.test", "files/0/m/go.mod", "files/0/m/a/empty", "files/0/m/a/link", "files/0/m/a/dangling", "files/0/m/dir")
	h, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if h.Entries != 7 || h.Size != 27 || h.Path != path {
		t.Errorf("%d entries, %d bytes, %s", h.Entries, h.Size, h.Path)
	}
	if err := Unpack(t.Context(), path, to, func(binary string) bool { return binary == "bin/b1/a.test" }); err != nil {
		t.Fatal(err)
	}
	delete(files, "bin/b2/b.test")
	if got, want := fmt.Sprint(below(t, to)), fmt.Sprint(files); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for name, want := range map[string]fs.FileMode{"bin/b1/a.test": 0o755, "files/0/m/go.mod": 0o444, "files/0/m/b": fs.ModeDir | 0o755} {
		if info, err := os.Stat(filepath.Join(to, name)); err != nil || info.Mode()&^0o022 != want&^0o022 {
			t.Errorf("%s: %v %v, want %v", name, info, err, want)
		}
	}
}

// A countdown is done when it was asked so many times.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestCanceled ends what writes, unpacks and lists within one file and one
// directory.
func TestCanceled(t *testing.T) {
	harnesstest.Need(t, "git")
	dir := t.TempDir()
	put(t, dir, map[string]string{"bin/b1/a.test": "", "go.mod": "module m\n", "d/a": "", "d/b": "", "d/c": ""})
	if err := os.Truncate(filepath.Join(dir, "bin/b1/a.test"), 10<<20); err != nil {
		t.Fatal(err)
	}
	path := write(t, dir, "bin/b1/a.test")
	var w Writer
	if err := w.Add("bin/b1/a.test", filepath.Join(dir, "bin/b1/a.test")); err != nil {
		t.Fatal(err)
	}
	tree := &Tree{Dir: dir, Name: "files/0/m", Packages: []string{dir}}
	for name, run := range map[string]func(context.Context) error{
		"write":  func(ctx context.Context) error { return w.Write(ctx, io.Discard, header()) },
		"unpack": func(ctx context.Context) error { return Unpack(ctx, path, t.TempDir(), anyBinary) },
		"skip": func(ctx context.Context) error {
			return Unpack(ctx, path, t.TempDir(), func(string) bool { return false })
		},
		"list":  func(ctx context.Context) error { _, err := new(Writer).AddTree(ctx, tree); return err },
		"match": func(ctx context.Context) error { _, err := new(Writer).AddMatching(ctx, tree, dir, "*"); return err },
	} {
		for _, asked := range []int{0, 4} {
			if err := run(&countdown{t.Context(), asked}); err != context.Canceled {
				t.Errorf("%s, asked %d times: %v", name, asked, err)
			}
		}
	}
	// Git is asked once.
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	tree.Modules = []string{dir}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := new(Writer).AddTree(ctx, tree); err != context.Canceled {
		t.Errorf("git: %v", err)
	}
}

// full is a file on a disk that is full.
type full struct{}

func (full) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "to/x", Err: syscall.ENOSPC}
}

// TestOpen opens what is no archive.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"text": "text", "empty": ""})
	for name, want := range map[string]string{
		"": "it is no regular file", "text": "it is no archive of pgtest tool archive", "empty": "it is no archive of pgtest tool archive", "none": "no such file or directory",
	} {
		path := filepath.Join(dir, name)
		if _, err := Open(path); err == nil || err.Error() != path+": "+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestFull says of a full disk which file there is no space for, and not that the
// archive is damaged.
func TestFull(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"bin/b1/a.test": "program"})
	r, _, err := open(write(t, dir, "bin/b1/a.test"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	e, err := r.next()
	if err != nil {
		t.Fatal(err)
	}
	if err := damaged(&fs.PathError{Op: "read", Path: "x", Err: syscall.EIO}); err != syscall.EIO {
		t.Errorf("%v", err)
	}
	if err := r.copy(t.Context(), full{}, e); err == nil || err.Error() != "to/x: no space left on device" {
		t.Errorf("%v", err)
	}
}

// forge writes an archive that Write would not, also by the header's commit.
func forge(t *testing.T, h *Header, entries []tar.Header, content string) string {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	tw, sum := tar.NewWriter(z), newSummer()
	add := func(th tar.Header, text []byte) {
		if th.Typeflag == 0 {
			th.Typeflag = tar.TypeReg
		}
		th.Mode, th.Format = 0o644, tar.FormatPAX
		if th.Typeflag == tar.TypeReg && th.Size == 0 {
			th.Size = int64(len(text))
		}
		if err := tw.WriteHeader(&th); err != nil {
			t.Fatal(err)
		}
		if th.Typeflag == tar.TypeReg {
			tw.Write(text)
		} else {
			text = nil
		}
		sum.add(entry{name: th.Name, link: th.Linkname, mode: fs.FileMode(th.Mode), size: int64(len(text))})
		sum.Write(text)
	}
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	if h.Commit == "newer" {
		text = []byte(`{"Format":3,"Packages":"elsewhere"}`)
	}
	add(tar.Header{Name: headerName}, text)
	for _, th := range entries {
		add(th, []byte(content))
	}
	last := sum.text()
	switch h.Commit {
	case "changed":
		last[0] ^= 1
	case "longer":
		last = bytes.Repeat(last, 1000)
	}
	add(tar.Header{Name: sumName}, last)
	if err := errors.Join(tw.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.tar.zst")
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestHostile unpacks what somebody made to do harm.
func TestHostile(t *testing.T) {
	file := func(name string) tar.Header { return tar.Header{Name: name} }
	link := func(name, target string) tar.Header {
		return tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeSymlink}
	}
	for _, tt := range []struct {
		name    string
		change  func(*Header)
		entries []tar.Header
		want    string // in the error, "" for none
	}{
		{name: "harmless", entries: []tar.Header{file("a/b"), link("a/c", "b"), link("d", "a"), link("a/up", ".."), link("a/dangling", "x/y"), link("a/self", "self"), link("a/below", "b/x")}},
		{name: "absolute", entries: []tar.Header{file("/tmp/x")}, want: `"/tmp/x" in it leads out of the directory`},
		{name: "up", entries: []tar.Header{file("../x")}, want: `"../x" in it leads out of the directory`},
		{name: "up inside", entries: []tar.Header{file("a/../../x")}, want: `leads out of the directory`},
		{name: "not clean", entries: []tar.Header{file("a/./x")}, want: `leads out of the directory`},
		{name: "the directory", entries: []tar.Header{file(".")}, want: `leads out of the directory`},
		{name: "absolute link", entries: []tar.Header{link("a", "/etc/passwd")}, want: `the link "a" in it leads out of the directory`},
		{name: "link up", entries: []tar.Header{link("a/b", "../../x")}, want: `the link "a/b" in it leads out of the directory`},
		{name: "empty link", entries: []tar.Header{link("a", "")}, want: `the link "a" in it leads out of the directory`},
		{name: "links up together", entries: []tar.Header{file("d/e/f"), link("d/up", ".."), link("d/e/out", "../up/../x")}, want: `the link "d/e/out" in it leads out of the directory`},
		{name: "file through a link", entries: []tar.Header{file("d/x"), link("a", "d"), file("a/y")}, want: `"a" in it: file exists`},
		{name: "file over a link", entries: []tar.Header{file("d"), link("a", "d"), file("a")}, want: `"a" in it: file exists`},
		{name: "twice", entries: []tar.Header{file("a"), file("a")}, want: `"a" in it: file exists`},
		{name: "below a file", entries: []tar.Header{file("a"), file("a/b")}, want: `"a/b" in it: `},
		{name: "hard link", entries: []tar.Header{{Name: "a", Linkname: "/etc/passwd", Typeflag: tar.TypeLink}}, want: `"a" in it is neither a file nor a link`},
		{name: "device", entries: []tar.Header{{Name: "a", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}}, want: `"a" in it is neither a file nor a link`},
		{name: "pipe", entries: []tar.Header{{Name: "a", Typeflag: tar.TypeFifo}}, want: `"a" in it is neither a file nor a link`},
		{name: "directory", entries: []tar.Header{{Name: "a/", Typeflag: tar.TypeDir}}, want: `"a/" in it is neither a file nor a link`},
		{name: "more bytes", change: func(h *Header) { h.Size-- }, entries: []tar.Header{file("a")}, want: "it holds more than it says"},
		{name: "more bytes together", change: func(h *Header) { h.Size-- }, entries: []tar.Header{file("a"), file("b")}, want: "it holds more than it says"},
		{name: "a longer sum", change: func(h *Header) { h.Commit = "longer" }, entries: []tar.Header{file("a")}, want: "it holds more than it says"},
		{name: "fewer than no bytes", change: func(h *Header) { h.Size = -1 }, want: "it is damaged"},
		{name: "fewer than no entries", change: func(h *Header) { h.Entries = -1 }, want: "it is damaged"},
		{name: "root outside", change: func(h *Header) { h.Root = ".." }, want: "it names files outside of itself"},
		{name: "more entries", change: func(h *Header) { h.Entries-- }, entries: []tar.Header{file("a"), file("b")}, want: "it holds more than it says"},
		{name: "fewer entries", change: func(h *Header) { h.Entries++ }, entries: []tar.Header{file("a")}, want: "it is cut off"},
		{name: "changed", change: func(h *Header) { h.Commit = "changed" }, entries: []tar.Header{file("a")}, want: "it is damaged"},
		{name: "bomb", change: func(h *Header) { h.Size = 1 << 40 }, want: "it would become more than 1000 times as large"},
		{name: "newer", change: func(h *Header) { h.Format = 2 }, want: "it has format 2, and this pgtest knows 1: a newer one is needed"},
		{name: "newer, in another form", change: func(h *Header) { h.Commit = "newer" }, want: "it has format 3, and this pgtest knows 1: a newer one is needed"},
		{name: "no format", change: func(h *Header) { h.Format = 0 }, want: "it is damaged"},
		{name: "other system", change: func(h *Header) { h.Env["GOOS"] = "plan9" }, want: "its tests are built for plan9/" + runtime.GOARCH + ", and this is " + runtime.GOOS + "/" + runtime.GOARCH},
		{name: "binary outside", change: func(h *Header) { h.Packages[0].Binary = "../../bin/sh" }, want: "it names files outside of itself"},
		{name: "directory outside", change: func(h *Header) { h.Packages[0].Dir = "/" }, want: "it names files outside of itself"},
		{name: "statements outside", change: func(h *Header) { h.Packages[0].Meta = map[string]string{"x": "/etc/passwd"} }, want: "it names files outside of itself"},
		{name: "no package", change: func(h *Header) { h.Packages[0] = nil }, want: "it names files outside of itself"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := header()
			for _, th := range tt.entries {
				h.Entries++
				if th.Typeflag == 0 {
					h.Size += 4
				}
			}
			if tt.change != nil {
				tt.change(h)
			}
			around := t.TempDir()
			to := filepath.Join(around, "to")
			if err := os.Mkdir(to, 0o777); err != nil {
				t.Fatal(err)
			}
			path := forge(t, h, tt.entries, "text")
			err := Unpack(t.Context(), path, to, anyBinary)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if !strings.Contains(text, tt.want) || (err == nil) != (tt.want == "") || strings.Contains(text, "\n") || err != nil && !strings.HasPrefix(text, path+": ") {
				t.Errorf("%q, want %q", text, tt.want)
			}
			if left, _ := os.ReadDir(around); len(left) != 1 {
				t.Errorf("outside of the directory: %v", left)
			}
		})
	}
}

// TestDamaged changes and cuts an archive at many of its bytes: it is refused, or
// means what it did.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"bin/b1/a.test": strings.Repeat("program a ", 20), "files/0/m/a/x": "text"})
	path := write(t, dir, "bin/b1/a.test", "files/0/m/a/x")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	unpack := func(text []byte) error {
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		to, err := os.MkdirTemp(dir, "to")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(to)
		err = Unpack(t.Context(), path, to, anyBinary)
		if err == nil {
			if got := below(t, to); len(got) != 2 || got["files/0/m/a/x"] != "text" || got["bin/b1/a.test"] != strings.Repeat("program a ", 20) {
				t.Errorf("unpacked to %q", got)
			}
		}
		return err
	}
	if err := unpack(whole); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(whole); i += 1 + i/25 {
		if err := unpack(whole[:i]); err == nil {
			t.Errorf("cut at %d of %d: no error", i, len(whole))
		}
		changed := slices.Clone(whole)
		changed[i] ^= 0x10
		unpack(changed) // that it means the same, if it is no error
	}
	if err := unpack(append(slices.Clone(whole), whole...)); err == nil {
		t.Error("twice: no error")
	}
	for _, text := range []string{"", "text", "PK\x03\x04"} {
		if err := unpack([]byte(text)); err == nil || err.Error() != path+": it is no archive of pgtest tool archive" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSelect(t *testing.T) {
	h := &Header{Dir: "files/0/m/sub", Packages: []*Package{
		{ImportPath: "example.com/m", Dir: "files/0/m"}, {ImportPath: "example.com/m/sub", Dir: "files/0/m/sub"},
		{ImportPath: "example.com/m/sub/a", Dir: "files/0/m/sub/a"}, {ImportPath: "net/http", Dir: "files/1/src/net/http"},
	}}
	for patterns, want := range map[string]string{
		"": "0 1 2 3", "all": "0 1 2 3", "./...": "1 2", ".": "1", "./a": "2", "./a/": "2", "..": "0", "../...": "0 1 2", "example.com/m": "0",
		"example.com/m/...": "0 1 2", "net/...": "3", "net/http ./a ./...": "3 2 1", "...": "0 1 2 3", "./b": "!./b", "x/... .": "1 !x/...", "example.com/m/sub/": "1",
	} {
		chosen, unmatched := h.Select(strings.Fields(patterns))
		var got []string
		for _, p := range chosen {
			got = append(got, fmt.Sprint(slices.Index(h.Packages, p)))
		}
		for _, pattern := range unmatched {
			got = append(got, "!"+pattern)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", patterns, got, want)
		}
	}
}
