package linkcache

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"pgtest/harness/internal/cacheprog"
)

// packed returns what the program gets of an entry.
func packed(t testing.TB, c *Cache, k key) string {
	t.Helper()
	entry, err := os.Open(c.entryPath(k))
	if err != nil {
		t.Fatal(err)
	}
	defer entry.Close()
	p := packer{dir: t.TempDir()}
	body, err := p.pack(entry, k)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// What a program answers is checked: a wrong answer is none.
func TestAnswerIsChecked(t *testing.T) {
	l := link{Cache: openCache(t), key: key{1}, command: &command{output: filepath.Join(t.TempDir(), "output")}}
	dir := t.TempDir()
	binary := filepath.Join(dir, "binary")
	writeFile(t, binary, strings.Repeat("x", 100000), 0o755)
	if err := l.put(l.key, binary, meta{Took: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if err := l.put(key{2}, binary, meta{}); err != nil {
		t.Fatal(err)
	}
	entry, other := packed(t, l.Cache, l.key), packed(t, l.Cache, key{2})
	// The path that the answer names, whose content is changed by a function.
	path := filepath.Join(dir, "entry")
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	text := readFile(t, binary)
	kept, err := os.Open(l.entryPath(l.key))
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	description, err := readTail(kept, entryMagic, l.key)
	if err != nil {
		t.Fatal(err)
	}
	endBytes, err := description.encode(packedMagic, l.key)
	if err != nil {
		t.Fatal(err)
	}
	end := string(endBytes)
	frame := func(text string, options ...zstd.EOption) string {
		var b strings.Builder
		z, err := zstd.NewWriter(&b, append([]zstd.EOption{zstd.WithWindowSize(packWindow)}, options...)...)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(z, text)
		z.Flush() // or its header says how little it needs
		z.Close()
		return b.String()
	}
	at := func(i int) string {
		changed := []byte(entry)
		changed[i] ^= 1
		return string(changed)
	}
	for _, tt := range []struct {
		name    string
		content string // with its own id and size
		change  func(*cacheprog.Response)
		right   bool
	}{
		{name: "right", content: entry, right: true},
		{name: "a wrong byte, whose id it gives", content: at(30)},
		{name: "a wrong byte of the key's sum", content: at(len(entry) - 1)},
		{name: "cut off", content: entry[:len(entry)-1]},
		{name: "longer", content: entry + "x"},
		{name: "nothing", content: ""},
		{name: "the entry of another link", content: other},
		{name: "an entry that is not packed", content: readFile(t, l.entryPath(l.key))},
		{name: "a binary in two frames", content: frame(text[:3]) + frame(text[3:]) + end, right: true},
		{name: "a longer binary", content: frame(text+"x") + end},
		{name: "a shorter binary", content: frame(text[1:]) + end},
		{name: "another binary", content: frame("y"+text[1:]) + end},
		{name: "a binary that is not packed", content: text + end},
		{name: "no binary", content: end},
		{name: "more memory than is given", content: frame(text, zstd.WithWindowSize(2*packWindow)) + end},
		{name: "no entry", content: strings.Repeat("y", 100000)},
		{name: "another id", content: entry, change: func(r *cacheprog.Response) { r.OutputID[0] ^= 1 }},
		{name: "no id", content: entry, change: func(r *cacheprog.Response) { r.OutputID = nil }},
		{name: "another size", content: entry, change: func(r *cacheprog.Response) { r.Size++ }},
		{name: "no size", content: entry, change: func(r *cacheprog.Response) { r.Size = 0 }},
		{name: "a miss", content: entry, change: func(r *cacheprog.Response) { r.Miss = true }},
		{name: "no path", content: entry, change: func(r *cacheprog.Response) { r.DiskPath = "" }},
		{name: "a relative path", content: entry, change: func(r *cacheprog.Response) { r.DiskPath = filepath.Base(path) }},
		{name: "no such file", content: entry, change: func(r *cacheprog.Response) { r.DiskPath += "x" }},
		{name: "a directory", content: entry, change: func(r *cacheprog.Response) { r.DiskPath = dir }},
		{name: "a named pipe", content: entry, change: func(r *cacheprog.Response) { r.DiskPath = pipe }},
		{name: "a device", content: entry, change: func(r *cacheprog.Response) { r.DiskPath = "/dev/zero" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := l.Clean(); err != nil {
				t.Fatal(err)
			}
			writeFile(t, path, tt.content, 0o600)
			id, size, err := outputID(strings.NewReader(tt.content))
			if err != nil {
				t.Fatal(err)
			}
			r := cacheprog.Response{OutputID: id, Size: size, DiskPath: path}
			if tt.change != nil {
				tt.change(&r)
			}
			os.Remove(l.command.output)
			f := l.fetch(r, l.command.output)
			if right := f.err == nil; right != tt.right || right && (readFile(t, l.command.output) != readFile(t, binary) || f.meta.Took != time.Hour) {
				t.Errorf("%v, %v", f.meta.Took, f.err)
			}
			if _, err := os.Stat(l.command.output); err == nil && !tt.right {
				t.Error("there is an output")
			}
		})
	}
}

// A link with inputs that had to be read, because another machine has stamped them,
// is kept, to read them once.
func TestFetchedInputs(t *testing.T) {
	dir := t.TempDir()
	library := filepath.Join(dir, "libx.a")
	writeFile(t, library, "x", 0o600)
	here, err := newInput(fileInput, library, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, pipe := here, here
	elsewhere.Stamp, pipe.Stamp, pipe.Path = "another", "another", filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe.Path, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name          string
		input         input
		fetched, kept bool
	}{
		{"the stamp of this machine", here, true, false},
		{"another stamp", elsewhere, true, true},
		{"a named pipe here", pipe, false, false},
	} {
		l := link{Cache: openCache(t), key: key{1}, command: &command{output: filepath.Join(dir, "output")}}
		if err := l.put(l.key, library, meta{Inputs: []input{tt.input}}); err != nil {
			t.Fatal(err)
		}
		entry, content := filepath.Join(dir, "entry"), packed(t, l.Cache, l.key)
		writeFile(t, entry, content, 0o600)
		if err := l.Clean(); err != nil {
			t.Fatal(err)
		}
		id, size, err := outputID(strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		if f := l.fetch(cacheprog.Response{OutputID: id, Size: size, DiskPath: entry}, l.command.output); (f.err == nil) != tt.fetched {
			t.Errorf("%s: %v", tt.name, f.err)
		}
		if _, err := l.get(l.key, l.command.output); (err == nil) != tt.kept {
			t.Errorf("%s: the cache has it: %v", tt.name, err)
		}
		if !tt.kept {
			continue
		}
		kept, err := os.Open(l.entryPath(l.key))
		if err != nil {
			t.Fatal(err)
		}
		defer kept.Close()
		if kept, err := readTail(kept, entryMagic, l.key); err != nil || kept.meta.Inputs[0] != here {
			t.Errorf("%s: %v, %v", tt.name, kept.meta.Inputs, err)
		}
	}
}

// A damaged entry is not given to other machines.
func TestDamagedPut(t *testing.T) {
	c := openCache(t)
	binary := filepath.Join(t.TempDir(), "binary")
	writeFile(t, binary, strings.Repeat("x", 1000), 0o700)
	if err := c.put(key{}, binary, meta{}); err != nil {
		t.Fatal(err)
	}
	whole, p := readFile(t, c.entryPath(key{})), packer{dir: t.TempDir()}
	for i := range len(whole) {
		entry := filepath.Join(p.dir, "entry")
		changed := []byte(whole)
		changed[i] ^= 1
		writeFile(t, entry, string(changed), 0o600)
		f, err := os.Open(entry)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.pack(f, key{}); err == nil {
			t.Errorf("packed with byte %d changed", i)
		}
		f.Close()
	}
}
