package buildcache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// recordOf returns the record of an action that put out a text, which it writes to a
// file.
func recordOf(t *testing.T, action, text string) record {
	t.Helper()
	r := record{action: sha256.Sum256([]byte(action)), entry: entry{sha256.Sum256([]byte(text)), int64(len(text)), 17}}
	r.path = filepath.Join(t.TempDir(), "output")
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

func bundleOf(t *testing.T, records ...record) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writeBundle(t.Context(), &b, records); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unpack adds a bundle to a new store, and returns that and its entries.
func unpack(t *testing.T, bundle []byte, sum []byte) (*store, map[id]entry, error) {
	t.Helper()
	s, err := openStore(filepath.Join(t.TempDir(), "store"), key)
	if err != nil {
		t.Fatal(err)
	}
	err = s.add(func(dir string) error { return readBundle(bytes.NewReader(bundle), sum, dir) })
	files, listErr := os.ReadDir(s.dir)
	if listErr != nil || err != nil && len(files) > 0 {
		t.Errorf("%v and %v, but there are %v", listErr, err, files)
	}
	return s, s.load(), err
}

func sumOf(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:]
}

func TestBundle(t *testing.T) {
	whole := []record{
		recordOf(t, "a", ""), recordOf(t, "b", ""), recordOf(t, "c", "text"), recordOf(t, "d", "text"), recordOf(t, "e", strings.Repeat("long", 1e5)),
	}
	gone, changed, large := recordOf(t, "gone", "gone"), recordOf(t, "changed", "changed"), recordOf(t, "large", "large")
	os.Remove(gone.path)
	os.WriteFile(changed.path, []byte("Changed"), 0o600)
	large.size = maxOutput + 1
	os.Truncate(large.path, large.size)
	bundle := bundleOf(t, append(whole, gone, changed, large)...)
	s, entries, err := unpack(t, bundle, sumOf(bundle))
	if err != nil || len(entries) != len(whole) {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for i, r := range whole {
		want, _ := os.ReadFile(r.path)
		got, err := os.ReadFile(s.output(entries[r.action]))
		if err != nil || string(got) != string(want) || entries[r.action] != r.entry {
			t.Errorf("record %d: %d bytes, %v", i, len(got), err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := writeBundle(ctx, new(bytes.Buffer), whole); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// A damaged bundle is none, also if its sum is right.
func TestDamagedBundle(t *testing.T) {
	bundle := bundleOf(t, recordOf(t, "a", "one"), recordOf(t, "b", "two"), recordOf(t, "c", "two"))
	for i := range bundle {
		changed := bytes.Clone(bundle)
		changed[i] ^= 0x10
		if _, entries, err := unpack(t, changed, sumOf(bundle)); err == nil || entries != nil {
			t.Errorf("byte %d changed: %d entries, %v", i, len(entries), err)
		}
	}
	packed := func(text string) []byte {
		var b bytes.Buffer
		w, err := zstd.NewWriter(&b, zstd.WithWindowSize(window))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, text)
		w.Close()
		return b.Bytes()
	}
	content := func(action, text string, change func(*record)) string {
		r := recordOf(t, action, text)
		change(&r)
		return string(r.append(nil)) + text
	}
	same := func(*record) {}
	for _, tt := range []struct {
		name, text string
		entries    int
	}{
		{"nothing", magic, 0},
		{"whole", magic + content("a", "one", same), 1},
		{"no magic", content("a", "one", same), -1},
		{"empty", "", -1},
		{"cut off in an output", (magic + content("a", "one", same))[:len(magic)+recordSize+2], -1},
		{"cut off in a record", magic + content("a", "one", same) + content("b", "", same)[:recordSize-1], -1},
		{"another output", magic + content("a", "one", func(r *record) { r.output[0] ^= 1 }), -1},
		{"a negative size", magic + content("a", "one", func(r *record) { r.size = -1 }), -1},
		{"too large", magic + content("a", "one", func(r *record) { r.size = maxOutput + 1 }), -1},
		{"another size than before", magic + content("a", "one", same) + content("b", "one", func(r *record) { r.size++ }), -1},
	} {
		bundle := packed(tt.text)
		_, entries, err := unpack(t, bundle, sumOf(bundle))
		if tt.entries < 0 && (err == nil || entries != nil) || tt.entries >= 0 && (err != nil || entries == nil || len(entries) != tt.entries) {
			t.Errorf("%s: %d entries, %v", tt.name, len(entries), err)
		}
	}
}

// Runs beside each other add the same bundle. One that has lost its index is replaced.
func TestAdd(t *testing.T) {
	bundle := bundleOf(t, recordOf(t, "a", "one"))
	s, _, err := unpack(t, bundle, sumOf(bundle))
	if err != nil {
		t.Fatal(err)
	}
	again := func() error {
		return s.add(func(dir string) error { return readBundle(bytes.NewReader(bundle), sumOf(bundle), dir) })
	}
	before, err := os.Stat(s.bundle())
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err == nil {
		t.Error("added twice")
	}
	if after, err := os.Stat(s.bundle()); err != nil || !os.SameFile(before, after) {
		t.Errorf("replaced, %v", err)
	}
	os.Remove(filepath.Join(s.bundle(), indexName))
	if err := again(); err != nil || len(s.load()) != 1 {
		t.Errorf("without an index: %v", err)
	}
	if files, err := os.ReadDir(s.dir); err != nil || len(files) != 1 {
		t.Errorf("left: %v, %v", files, err)
	}
}

// Trim keeps what was used, and what may be in use.
func TestTrim(t *testing.T) {
	s, err := openStore(t.TempDir(), key)
	if err != nil {
		t.Fatal(err)
	}
	make := func(name string, age time.Duration) {
		t.Helper()
		path := filepath.Join(s.dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			err = os.WriteFile(path, nil, 0o600)
		}
		for when := time.Now().Add(-age); err == nil && path != s.dir; path = filepath.Dir(path) {
			err = os.Chtimes(path, when, when)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range maxKept + 2 {
		make(fmt.Sprintf("hours%d/index", i), time.Duration(i+2)*time.Hour)
	}
	make("now/index", 0)
	make("old/index", maxAge+time.Hour)
	make("tmp-now/x", 0)
	make("tmp-old/index", 2*staleTemp)
	make("tmp-old-file", 2*staleTemp)
	make("broken/x", maxAge-time.Hour)
	make("broken-old/x", maxAge+time.Hour)
	make("x"+refusedName, maxAge+time.Hour)
	s.trim()
	files, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	if got, want := strings.Join(names, " "), "broken hours0 hours1 hours2 hours3 hours4 hours5 hours6 now tmp-now"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
