package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/harnesstest"
)

// A referee asks go test which packages an edit reaches: those whose results are
// not cached. The module is in a git repository, where everything is committed.
type referee struct {
	*testing.T
	dir   string
	times map[string]time.Time // of all that is in it
	never []string             // packages that fail
}

func newReferee(t *testing.T, dir string) *referee {
	r := &referee{T: t, dir: dir, times: make(map[string]time.Time)}
	// Go caches no result of a test that read what is new.
	r.walk(func(path string, _ fs.DirEntry) { r.age(path, time.Now().Add(-time.Hour)) })
	r.walk(func(path string, _ fs.DirEntry) {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		r.times[path] = info.ModTime()
	})
	r.uncached()
	return r
}

func (r *referee) walk(f func(path string, d fs.DirEntry)) {
	filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if d.IsDir() && d.Name() == ".git" {
			return fs.SkipDir
		}
		f(path, d)
		return err
	})
}

func (r *referee) age(path string, at time.Time) {
	if err := os.Chtimes(path, at, at); err != nil && !os.IsNotExist(err) {
		r.Fatal(err)
	}
}

func (r *referee) command(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = r.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var uncachedPackage = regexp.MustCompile(`(?m)^(?:ok  |FAIL)\t(\S+)(?: \[.*failed\]|\t(?:[0-9.]+s|\[.*\]).*)$`)

// uncached returns the packages that go test tests anew.
func (r *referee) uncached() (all []string) {
	out, _ := r.command("go", "test", "./...")
	for _, match := range uncachedPackage.FindAllStringSubmatch(out, -1) {
		all = append(all, match[1])
	}
	return all
}

// judge makes an edit, has go test judge what --changed says, and takes it back.
// It returns how many packages with tests the edit reaches by either.
func (r *referee) judge(name string, edit func()) (ours, theirs int) {
	r.Helper()
	edit()
	then := time.Now().Add(-30 * time.Minute)
	r.walk(func(path string, _ fs.DirEntry) {
		if info, err := os.Lstat(path); err == nil && !info.ModTime().Equal(r.times[path]) && info.Mode()&fs.ModeSymlink == 0 {
			r.age(path, then)
		}
	})
	c, err := flags.Parse([]string{"--changed=HEAD", "--why", "./..."}, false)
	if err != nil {
		r.Fatal(err)
	}
	c.Dir = r.dir
	var said bytes.Buffer
	line, err := reachedLine(c, &said)
	if err != nil {
		r.Fatal(err)
	}
	reached := line.Reached
	if reached == nil {
		reached, _ = listPackages(line)
	}
	out, _ := r.command("go", "list", "-e", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}", "./...")
	tested := slices.DeleteFunc(strings.Fields(out), func(pkg string) bool { return slices.Contains(r.never, pkg) })
	uncached := slices.DeleteFunc(r.uncached(), func(pkg string) bool { return slices.Contains(r.never, pkg) })
	for _, pkg := range uncached {
		if !slices.Contains(reached, pkg) {
			r.Errorf("%s reaches %s by go test, and not %v\n%s", name, pkg, reached, &said)
		}
	}
	for _, words := range [][]string{{"reset", "-q", "--hard"}, {"clean", "-fdq"}} {
		if out, err := r.command("git", words...); err != nil {
			r.Fatalf("%s: %v", out, err)
		}
	}
	for path, at := range r.times {
		r.age(path, at)
	}
	count := func(all []string) (n int) {
		for _, pkg := range all {
			if slices.Contains(tested, pkg) {
				n++
			}
		}
		return n
	}
	return count(reached), count(uncached)
}

func (r *referee) write(name, text string) {
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		r.Fatal(err)
	}
}

func (r *referee) appendTo(name, text string) {
	old, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.Fatal(err)
	}
	r.write(name, string(old)+text)
}

// liveCode is code that the linker keeps.
const liveCode = "\nvar referee *int\n\nfunc init() {\n\tif referee != nil {\n\t\t*referee++\n\t}\n}\n"

// TestChangedReferee has go test judge a few edits of a small module.
func TestChangedReferee(t *testing.T) {
	harnesstest.Need(t, "git")
	t.Parallel()
	dir := writeModule(t, map[string]string{
		"a/a.go": "package a\n\nimport _ \"embed\"\n\n//go:embed a.txt\nvar A string\n", "a/a.txt": "a",
		"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {\n\tt.Log(A)\n}\n",
		"b/b_test.go": "package b\n\nimport (\n\t\"os\"\n\t\"testing\"\n\n\t\"example.com/m/a\"\n)\n\nfunc TestB(t *testing.T) {\n\tos.ReadFile(a.A)\n\tos.ReadFile(\"../shared/x\")\n}\n",
		"c/c_test.go": "package c\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestC(t *testing.T) {\n\tos.ReadFile(\"testdata/x\")\n}\n", "c/testdata/x": "x",
		"shared/x": "x",
	})
	r := &referee{T: t, dir: dir}
	for _, words := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=n", "-c", "user.email=n@example.com", "commit", "-q", "-m", "first"}} {
		if out, err := r.command("git", words...); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
	}
	r = newReferee(t, dir)
	for _, test := range []struct {
		name string
		edit func()
		want int // packages by both
	}{
		{"a comment and an embedded file", func() { r.appendTo("c/c_test.go", "// end\n"); r.appendTo("a/a.txt", "a") }, 2},
		{"code, testdata and what is elsewhere", func() {
			r.appendTo("a/a.go", liveCode)
			r.appendTo("c/testdata/x", "x")
			r.appendTo("shared/x", "x")
		}, 3},
	} {
		if ours, theirs := r.judge(test.name, test.edit); ours != test.want || theirs != test.want {
			t.Errorf("%s: %d packages, and by go test %d, want %d", test.name, ours, theirs, test.want)
		}
	}
}

// TestChangedModule has go test judge random edits of the module in the directory
// PGTEST_REFEREE, for as long as PGTEST_REFEREE_TIME says. It changes the module.
func TestChangedModule(t *testing.T) {
	dir := os.Getenv("PGTEST_REFEREE")
	if dir == "" {
		t.Skip("needs PGTEST_REFEREE, the directory of a module in a git repository of its own, and PGTEST_REFEREE_TIME")
	}
	limit, err := time.ParseDuration(os.Getenv("PGTEST_REFEREE_TIME"))
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("PGTEST_REFEREE_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	end := time.Now().Add(limit)
	r := newReferee(t, dir)
	r.never = r.uncached()
	t.Logf("go test never caches %v", r.never)
	var code, tests, data []string
	r.walk(func(path string, d fs.DirEntry) {
		name, _ := filepath.Rel(dir, path)
		switch {
		case !d.Type().IsRegular() || strings.HasPrefix(name, "go."):
		case strings.HasSuffix(name, "_test.go"):
			tests = append(tests, name)
		case strings.HasSuffix(name, ".go"):
			code = append(code, name)
		default:
			data = append(data, name)
		}
	})
	one := func(from []string) string { return from[random.IntN(len(from))] }
	in := func(name string) string { return filepath.Join(dir, name) }
	kinds := []struct {
		name string
		from []string
		edit func(name string)
	}{
		{"comment", slices.Concat(code, tests), func(name string) { r.appendTo(name, "// end\n") }},
		{"comment on top", code, func(name string) { text, _ := os.ReadFile(in(name)); r.write(name, "// top\n\n"+string(text)) }},
		{"code", code, func(name string) { r.appendTo(name, liveCode) }},
		{"code of tests", tests, func(name string) { r.appendTo(name, liveCode) }},
		{"data", data, func(name string) { r.appendTo(name, " ") }},
		{"new file", code, func(name string) { r.newFile(filepath.Dir(name)) }},
		{"new data", data, func(name string) { r.write(filepath.Join(filepath.Dir(name), "referee.txt"), "x") }},
		{"file gone", slices.Concat(code, tests), func(name string) { os.Remove(in(name)) }},
		{"data gone", data, func(name string) { os.Remove(in(name)) }},
		{"renamed", code, func(name string) { os.Rename(in(name), in(filepath.Join(filepath.Dir(name), "referee_renamed.go"))) }},
		{"go.mod", []string{"go.mod"}, func(name string) { r.appendTo(name, "\n// end\n") }},
	}
	sums := make(map[string][3]int)
	for time.Now().Before(end) {
		kind := kinds[random.IntN(len(kinds))]
		if len(kind.from) == 0 {
			continue
		}
		name := one(kind.from)
		ours, theirs := r.judge(kind.name+": "+name, func() { kind.edit(name) })
		for _, key := range []string{kind.name, "all"} {
			sums[key] = [3]int{sums[key][0] + 1, sums[key][1] + ours, sums[key][2] + theirs}
		}
		if ours > theirs {
			t.Logf("%s: %s: %d, by go test %d", kind.name, name, ours, theirs)
		}
	}
	for name, sum := range sums {
		t.Logf("%-16s %4d edits reach %5d packages, by go test %5d: %.2f", name, sum[0], sum[1], sum[2], float64(sum[1])/float64(sum[2]))
	}
}

// newFile adds a file to the package in a directory.
func (r *referee) newFile(dir string) {
	out, err := r.command("go", "list", "-e", "-f", "{{.Name}}", "./"+dir)
	if name := strings.TrimSpace(out); err == nil && name != "" {
		r.write(filepath.Join(dir, "referee_new.go"), fmt.Sprintf("package %s\n%s", name, liveCode))
	}
}
