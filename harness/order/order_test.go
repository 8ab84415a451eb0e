package order

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgtest/harness/history"
	"pgtest/jsonstream/result"
)

// TestFront changes one thing after a run of ./... in which b failed and d took
// long, and looks at what the next run puts in front.
func TestFront(t *testing.T) {
	const m = "example.com/m"
	type world struct {
		dir    string
		next   history.Header
		before *history.Run
		runs   []*history.Run
		times  map[string]time.Duration
	}
	write := func(w *world, name, text string) {
		t.Helper()
		path := filepath.Join(w.dir, name)
		os.Mkdir(filepath.Dir(path), 0o777)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	const file = "package x\n"
	for _, tt := range []struct {
		name   string
		change func(w *world)
		want   string // names of packages, without the module's path
	}{
		{"nothing", func(*world) {}, "b d c"},
		{"no history", func(w *world) { w.runs = nil }, ""},
		{"source files", func(w *world) { write(w, "b/x.go", file+"\nvar X int\n") }, "b d c"},
		{"other patterns", func(w *world) { w.next.Patterns = []string{"./a", "./b"} }, ""},
		{"several words", func(w *world) {
			w.next.Patterns, w.before.Patterns = []string{"./a", "./b"}, []string{"./a", "./b"}
		}, "b d c"},
		{"one word", func(w *world) { w.next.Patterns, w.before.Patterns = []string{"./b"}, []string{"./b"} }, ""},
		{"another directory", func(w *world) { w.next.GoDir = filepath.Join(w.dir, "b") }, ""},
		{"other tags", func(w *world) { w.next.BuildFlags = []string{"-tags=x"} }, ""},
		{"other variables", func(w *world) { w.next.Env = map[string]string{"GOOS": "plan9"} }, ""},
		{"variables of pgtest", func(w *world) { w.next.Env = map[string]string{"PGTEST_FORMAT": "dots"} }, "b d c"},
		{"the same tags", func(w *world) {
			w.next.BuildFlags, w.before.BuildFlags = []string{"-tags", "x"}, []string{"-tags", "x"}
			write(w, "b/x.go", "//go:build x\n\n"+file)
		}, "b d c"},
		{"an overlay", func(w *world) {
			w.next.BuildFlags, w.before.BuildFlags = []string{"-overlay=x"}, []string{"-overlay=x"}
		}, ""},
		{"an overlay in GOFLAGS", func(w *world) {
			w.next.Env = map[string]string{"GOFLAGS": "-overlay=x"}
			w.before.Env = w.next.Env
		}, ""},
		{"an imported run", func(w *world) { w.before.Imported = true }, ""},
		{"a run that goes on", func(w *world) { w.before.Outcome = history.Running }, ""},
		{"a package that is gone", func(w *world) { os.RemoveAll(filepath.Join(w.dir, "b")) }, "d c"},
		{"a directory without files", func(w *world) { os.Remove(filepath.Join(w.dir, "b/x.go")) }, "d c"},
		{"files for another system", func(w *world) { write(w, "b/x.go", "//go:build plan9\n\n"+file) }, "d c"},
		{"a file that is no Go", func(w *world) { write(w, "b/x.go", "pack") }, "d c"},
		{"a directory that is a link", func(w *world) {
			os.Rename(filepath.Join(w.dir, "b"), filepath.Join(w.dir, "other"))
			os.Symlink("other", filepath.Join(w.dir, "b"))
		}, "d c"},
		{"a module of its own", func(w *world) { write(w, "b/go.mod", "module b\n") }, "d c"},
		{"another go.mod", func(w *world) { os.Chtimes(filepath.Join(w.dir, "go.mod"), time.Now(), time.Now()) }, ""},
		{"a go.work", func(w *world) { write(w, "go.work", "go 1.24\nuse .\n") }, ""},
		{"times unknown", func(w *world) { w.times = nil }, "b"},
		{"about the same times", func(w *world) { w.times[m+"/c"] = 2900 * time.Millisecond }, "b c d"},
		{"passed since", func(w *world) {
			w.runs = append([]*history.Run{{Header: history.Header{Patterns: []string{"./b"}}, Summary: history.Summary{
				Outcome: history.Passed, Packages: []history.Package{{Path: m + "/b", End: result.Passed}},
			}}}, w.runs...)
		}, "d c"},
		{"a part passed since", func(w *world) {
			w.runs = append([]*history.Run{{Header: history.Header{Narrow: []string{"-run=x"}}, Summary: history.Summary{
				Outcome: history.Passed, Packages: []history.Package{{Path: m + "/b", End: result.Passed}},
			}}}, w.runs...)
		}, "b d c"},
		{"failed elsewhere since", func(w *world) {
			w.runs = append([]*history.Run{{Summary: history.Summary{
				Outcome:  history.Failed,
				Packages: []history.Package{{Path: m + "/a", End: result.Failed}, {Path: m + "/not", End: result.Failed}},
			}}}, w.runs...)
		}, "a b d c"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &world{dir: t.TempDir(), times: map[string]time.Duration{m + "/d": 3 * time.Second, m + "/c": time.Second, m + "/a": time.Millisecond, "fmt": time.Hour}}
			for _, name := range []string{"a", "b", "c", "d"} {
				write(w, name+"/x.go", file)
			}
			write(w, "go.mod", "module "+m+"\n")
			old := time.Now().Add(-time.Hour)
			if err := os.Chtimes(filepath.Join(w.dir, "go.mod"), old, old); err != nil {
				t.Fatal(err)
			}
			w.next = history.Header{Patterns: []string{"./..."}, GoDir: w.dir}
			w.before = &history.Run{Header: w.next}
			w.before.Started = old.Add(time.Minute)
			w.before.Outcome = history.Failed
			for _, name := range []string{m + "/a", m + "/b", m + "/c", m + "/d", "fmt"} {
				w.before.Packages = append(w.before.Packages, history.Package{Path: name, End: result.Passed})
			}
			w.before.Packages[1].End = result.Failed
			w.runs = []*history.Run{w.before}
			tt.change(w)
			got := strings.ReplaceAll(strings.Join(Front(w.next, slices.Values(w.runs), w.times), " "), m+"/", "")
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
