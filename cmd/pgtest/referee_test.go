package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgtest/cmd/pgtest/internal/flags"
)

// A referee asks go test which packages an edit reaches: those whose results are
// not cached. The module is in a git repository, where everything is committed.
type referee struct {
	*testing.T
	dir    string
	first  string               // the commit before each edit
	times  map[string]time.Time // of all that is in it
	never  []string             // packages whose results go does not cache
	tested []string             // packages with tests
	judges string               // the file that says that no test has to run
	exec   string               // the program that starts the tests
}

func newReferee(t *testing.T, dir string) *referee {
	r := &referee{T: t, dir: dir, times: make(map[string]time.Time)}
	scratch := t.TempDir()
	r.judges, r.exec = filepath.Join(scratch, "judges"), filepath.Join(scratch, "exec")
	// What go test calls cached it does not start, and what it starts need not run.
	// With -exec go asks no test for a log of what it reads, but uses one.
	script := "#!/bin/sh\n[ -e " + r.judges + " ] && exit 1\nexec \"$@\" -test.testlogfile=\"${1%/*}/testlog.txt\"\n"
	if err := os.WriteFile(r.exec, []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	r.first = r.git("rev-parse", "HEAD")
	// Go caches no result of a test that read what is new.
	r.walk(func(path string, _ fs.DirEntry) { r.age(path, time.Now().Add(-time.Hour)) })
	r.walk(func(path string, _ fs.DirEntry) {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		r.times[path] = info.ModTime()
	})
	_, r.tested = r.test()
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

// age sets the time of a file, of a link that of what it leads to.
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

func (r *referee) git(words ...string) string {
	out, err := r.command("git", append([]string{"-c", "user.name=n", "-c", "user.email=n@example.com"}, words...)...)
	if err != nil {
		r.Fatalf("git %q: %s", words, out)
	}
	return strings.TrimSpace(out)
}

var testedPackage = regexp.MustCompile(`(?m)^(?:ok  |FAIL)\t(\S+)(.*)$`)

// test returns the packages that go test tests anew, or can't, and those that have
// tests. Where it can't even say that, all do.
func (r *referee) test() (anew, tested []string) {
	out, err := r.command("go", "test", "-vet=off", "-exec="+r.exec, "./...")
	for _, match := range testedPackage.FindAllStringSubmatch(out, -1) {
		if !strings.Contains(match[2], "(cached)") {
			anew = append(anew, match[1])
		}
		// What does not compile may have none.
		if !strings.HasSuffix(match[2], "failed]") || slices.Contains(r.tested, match[1]) {
			tested = append(tested, match[1])
		}
	}
	if err != nil && len(anew) == 0 {
		return r.tested, r.tested
	}
	return anew, tested
}

// reset takes an edit back.
func (r *referee) reset() {
	r.git("reset", "-q", "--hard", r.first)
	r.git("clean", "-fdq")
	for path, at := range r.times {
		r.age(path, at)
	}
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
	reached, said := r.reached()
	r.write(r.judges, "")
	uncached, tested := r.test()
	if err := os.Remove(r.judges); err != nil {
		r.Fatal(err)
	}
	r.reset()
	if missed := r.without(uncached, reached); len(missed) > 0 {
		// Some results are cached at one time and not at another.
		unstable, _ := r.test()
		r.never = append(r.never, unstable...)
		if missed = r.without(missed, nil); len(missed) > 0 {
			r.Errorf("%s reaches %v by go test, and not %v\n%s", name, missed, reached, said)
		}
	}
	count := func(all []string) (n int) {
		for _, pkg := range r.without(all, nil) {
			if slices.Contains(tested, pkg) {
				n++
			}
		}
		return n
	}
	return count(reached), count(uncached)
}

// without leaves out some packages, and those that go never caches.
func (r *referee) without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(pkg string) bool {
		return slices.Contains(some, pkg) || slices.Contains(r.never, pkg)
	})
}

// reached returns the packages that --changed chooses, and what it says.
func (r *referee) reached() (all []string, said string) {
	c, err := flags.Parse([]string{"--changed=" + r.first, "--why", "./..."}, false)
	if err != nil {
		r.Fatal(err)
	}
	c.Dir = r.dir
	var text bytes.Buffer
	line, err := reachedLine(c, &text)
	if err != nil {
		r.Fatal(err)
	}
	if line.Reached == nil {
		return r.tested, text.String()
	}
	return line.Reached, text.String()
}

// in returns the path of a file of the module.
func (r *referee) in(name string) string { return filepath.Join(r.dir, name) }

func (r *referee) write(path, text string) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		r.Fatal(err)
	}
}

func (r *referee) read(name string) string {
	text, err := os.ReadFile(r.in(name))
	if err != nil {
		r.Fatal(err)
	}
	return string(text)
}

func (r *referee) appendTo(name, text string) { r.write(r.in(name), r.read(name)+text) }

// liveCode is code that the linker keeps.
const liveCode = "\nvar referee *int\n\nfunc init() {\n\tif referee != nil {\n\t\t*referee++\n\t}\n}\n"
