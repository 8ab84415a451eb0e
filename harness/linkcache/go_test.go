package linkcache

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/harnesstest"
)

// A project is a module that the real go command builds, with and without the
// cache.
type project struct {
	t     *testing.T
	dir   string
	cache *Cache
	built int
}

func newProject(t *testing.T) *project {
	t.Helper()
	return newProjectIn(t, t.TempDir())
}

func newProjectIn(t *testing.T, dir string) *project {
	t.Helper()
	p := &project{t: t, dir: dir, cache: openCache(t)}
	p.write("go.mod", "module example.com/m\n\ngo 1.24\n")
	p.write("dep/dep.go", "package dep\n\nfunc F() int { return 1 }\n")
	p.write("a/text.txt", "text\n")
	p.write("a/a.go", `package a

import (
	_ "embed"

	"example.com/m/dep"
)

//go:embed text.txt
var text string

var version = "none"

func G() string { return text + version + string(rune('0'+dep.F())) + tagged }
`)
	p.write("a/tag_off.go", "//go:build !extra\n\npackage a\n\nconst tagged = \"\"\n")
	p.write("a/tag_on.go", "//go:build extra\n\npackage a\n\nconst tagged = \"extra\"\n")
	p.write("a/a_test.go", "package a\n\nimport \"testing\"\n\nfunc TestG(t *testing.T) { t.Log(G()) }\n")
	p.write("tiny/main.go", "package main\n\nfunc main() { println(\"tiny\") }\n")
	return p
}

func (p *project) write(name, content string) {
	p.t.Helper()
	writeFile(p.t, filepath.Join(p.dir, name), content, 0o666)
}

// cached returns the flag that starts tools through the cache.
func (p *project) cached(user ...string) string {
	p.t.Helper()
	value, err := p.cache.Toolexec(tool(p.t), user)
	if err != nil {
		p.t.Fatal(err)
	}
	return "-toolexec=" + value
}

// run runs the go command in the project and returns what it printed.
func (p *project) run(env []string, words ...string) string {
	p.t.Helper()
	cmd := exec.Command("go", words...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("go %s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// A way is how a binary is made.
type way int

const (
	compileTest way = iota // go test -c of package a
	runTest                // go test of package a, whose binary has no debug information
	build                  // go build of the program tiny
)

// make makes a binary and returns its content.
func (p *project) make(w way, env []string, flags ...string) string {
	p.t.Helper()
	p.built++
	out := filepath.Join(p.dir, "out", fmt.Sprint(p.built))
	if err := os.MkdirAll(filepath.Dir(out), 0o777); err != nil {
		p.t.Fatal(err)
	}
	switch w {
	case compileTest:
		p.run(env, slices.Concat([]string{"test", "-c", "-vet=off", "-o", out}, flags, []string{"./a"})...)
	case runTest:
		copier, err := gotest.JoinQuoted([]string{self(p.t), "__copy", out})
		if err != nil {
			p.t.Fatal(err)
		}
		p.run(env, slices.Concat([]string{"test", "-count=1", "-vet=off", "-exec", copier}, flags, []string{"./a"})...)
	case build:
		p.run(env, slices.Concat([]string{"build", "-o", out}, flags, []string{"./tiny"})...)
	}
	return readFile(p.t, out)
}

// outcomes returns what became of the links since the last call, a letter
// for each.
func (p *project) outcomes() string {
	p.t.Helper()
	defer os.Remove(p.cache.logPath())
	return outcomes(p.t, p.cache)
}

// check makes the binary with the cache, without it, and with the cache again.
// All must be the same. first is what has to become of the first link. The last
// must not be done again; one that can't be cached is not made again.
func (p *project) check(first outcome, w way, env []string, flags ...string) {
	p.t.Helper()
	withCache := p.checkFirst(first, w, env, flags...)
	if plain := p.make(w, env, flags...); withCache != plain {
		p.t.Errorf("the binary differs from a plain link's")
	}
	if first == uncached {
		return
	}
	if again := p.checkFirst(hit, w, env, flags...); again != withCache {
		p.t.Errorf("the cached binary differs from the linked one")
	}
}

// checkFirst makes the binary with the cache. first is what has to become of the
// link.
func (p *project) checkFirst(first outcome, w way, env []string, flags ...string) string {
	p.t.Helper()
	p.outcomes()
	binary := p.make(w, env, slices.Concat([]string{p.cached()}, flags)...)
	if stats, err := p.cache.Stats(); err != nil || p.outcomes() != string(first[0]) {
		p.t.Errorf("the link: %+v, %v; want %s", stats, err, first)
	}
	return binary
}

// A step makes a binary after a change. It is compared with a plain link's where
// the link is of a kind of its own, and where it comes from the cache.
type step struct {
	name   string
	first  outcome
	way    way
	env    []string
	flags  []string
	change func()
	plain  bool
}

func (p *project) take(steps []step) {
	for _, s := range steps {
		p.t.Run(s.name, func(t *testing.T) {
			outer := p.t
			p.t = t
			defer func() { p.t = outer }()
			if s.change != nil {
				s.change()
			}
			switch {
			case s.plain:
				p.check(s.first, s.way, s.env, s.flags...)
			case s.first == hit:
				if p.checkFirst(hit, s.way, s.env, s.flags...) != p.make(s.way, s.env, s.flags...) {
					t.Errorf("the binary differs from a plain link's")
				}
			default:
				p.checkFirst(s.first, s.way, s.env, s.flags...)
			}
		})
	}
}

// Whatever decides what is in a binary, a change of it links again, and the
// result is what the go command alone makes.
func TestEveryChangeLinksAgain(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.take([]step{
		{name: "first", plain: true, first: miss},
		{name: "without debug information", plain: true, first: miss, way: runTest},
		{name: "run pattern", first: hit, way: runTest, flags: []string{"-run=TestG"}},
		{name: "verbose", first: hit, way: runTest, flags: []string{"-v"}},
		{name: "environment of the test", first: hit, way: runTest, env: []string{"MY_VARIABLE=1"}},
		{name: "source", first: miss, change: func() {
			p.write("a/more.go", "package a\n\nfunc init() { version += \"more\" }\n")
		}},
		{name: "dependency", first: miss, change: func() { p.write("dep/dep.go", "package dep\n\nfunc F() int { return 2 }\n") }},
		{name: "test", first: miss, change: func() {
			p.write("a/more_test.go", "package a\n\nimport \"testing\"\n\nfunc TestMore(t *testing.T) {}\n")
		}},
		{name: "embedded file", first: miss, change: func() { p.write("a/text.txt", "other text\n") }},
		{name: "go version in go.mod", first: miss, change: func() { p.write("go.mod", "module example.com/m\n\ngo 1.23\n") }},
		{name: "default GODEBUG", plain: true, first: miss, change: func() {
			p.write("go.mod", "module example.com/m\n\ngo 1.24\n\ngodebug panicnil=1\n")
		}},
		{name: "tags", first: miss, flags: []string{"-tags=extra"}},
		{name: "ldflags", first: miss, flags: []string{"-ldflags=-X example.com/m/a.version=1"}},
		{name: "other ldflags", first: miss, flags: []string{"-ldflags=-X example.com/m/a.version=2"}},
		{name: "stripped", plain: true, first: miss, flags: []string{"-ldflags=-s -w"}},
		{name: "build id", first: miss, flags: []string{"-ldflags=-buildid=mine"}},
		{name: "gcflags", first: miss, flags: []string{"-gcflags=-N -l"}},
		{name: "GOFLAGS", first: miss, env: []string{"GOFLAGS=-tags=extra -ldflags=-s"}},
		{name: "cover", first: miss, flags: []string{"-cover"}},
		{name: "cover mode", first: miss, flags: []string{"-covermode=atomic"}},
		{name: "cover packages", plain: true, first: miss, flags: []string{"-coverpkg=./..."}},
		{name: "program", plain: true, first: miss, way: build},
		{name: "trimpath", plain: true, first: miss, way: build, flags: []string{"-trimpath"}},
		{name: "build mode", plain: true, first: miss, way: build, flags: []string{"-buildmode=pie"}},
		{name: "GOEXPERIMENT", first: miss, way: build, env: []string{"GOEXPERIMENT=fieldtrack"}},
		{name: "architecture variant", first: miss, way: build, env: []string{archVariant()}},
		{name: "FIPS module", plain: true, first: miss, way: build, env: []string{"GOFIPS140=latest"}},
		{name: "build information", first: miss, way: build, flags: []string{"-ldflags=-X=main.x=1"}},
	})
}

// archVariant is a setting that makes the compiler generate other code than by
// default.
func archVariant() string {
	switch runtime.GOARCH {
	case "amd64":
		return "GOAMD64=v2"
	case "arm64":
		return "GOARM64=v8.1"
	}
	return "GOARCH=amd64"
}

// Another linker says so when it is asked for its version.
func TestOtherToolchain(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	script := filepath.Join(p.dir, "toolexec")
	version := func(v string) {
		writeFile(t, script, "#!/bin/sh\ncase $1,$2 in */link,-V=full) echo link version "+v+";; *) exec \"$@\";; esac\n", 0o777)
	}
	version("go1.99")
	p.make(build, nil, p.cached(script))
	info, err := os.Stat(script)
	if err != nil {
		t.Fatal(err)
	}
	version("go1.98")
	if err := os.Chtimes(script, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	p.make(build, nil, p.cached(script))
	p.make(build, nil, p.cached(script))
	if got := p.outcomes(); got != "mmh" {
		t.Errorf("outcomes %q, want mmh", got)
	}
}

// A real one, if one is there.
func TestInstalledToolchains(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.check(miss, build, nil)
	other := ""
	for _, version := range []string{"go1.25.8", "go1.24.13"} {
		env := append(os.Environ(), "GOTOOLCHAIN="+version, "GOPROXY=off", "GOFLAGS=")
		cmd := exec.Command("go", "version")
		cmd.Env = env
		if cmd.Run() == nil {
			other = version
			p.check(miss, build, []string{"GOTOOLCHAIN=" + version, "GOPROXY=off", "GOFLAGS="})
		}
	}
	if other == "" {
		t.Skip("no other toolchain in the module cache")
	}
}

func TestSanitizers(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.check(miss, build, nil)
	t.Run("race", func(t *testing.T) {
		harnesstest.Need(t, "gcc")
		p.t = t
		p.check(miss, build, nil, "-race")
	})
	t.Run("asan", func(t *testing.T) {
		harnesstest.Need(t, "gcc")
		p.t = t
		p.check(uncached, build, nil, "-asan")
	})
	t.Run("msan", func(t *testing.T) {
		harnesstest.Need(t, "clang")
		p.t = t
		p.check(uncached, build, []string{"CC=clang"}, "-msan")
	})
}

// With cgo the external linker reads files that the go command knows nothing
// of.
func TestExternalLinker(t *testing.T) {
	harnesstest.Need(t, "gcc")
	t.Parallel()
	p := newProject(t)
	p.write("tiny/main.go", "package main\n\nimport \"example.com/m/a\"\n\nfunc main() { println(a.G()) }\n")
	p.write("a/c.go", "package a\n\n// #cgo LDFLAGS: -L${SRCDIR}/first -L${SRCDIR}/lib -lfoo\n// int foo(void);\nimport \"C\"\n\nfunc init() { version += string(rune('0' + C.foo())) }\n")
	library := func(dir string, result int) {
		p.t.Helper()
		p.write("a/"+dir+"/foo.x", fmt.Sprintf("int foo(void) { return %d; }\n", result))
		out := filepath.Join(p.dir, "a", dir)
		for _, words := range [][]string{
			{"gcc", "-c", "-x", "c", "-o", "foo.obj", "foo.x"},
			{"ar", "rcD", "libfoo.a", "foo.obj"},
		} {
			os.Remove(filepath.Join(out, words[len(words)-2]))
			cmd := exec.Command(words[0], words[1:]...)
			cmd.Dir = out
			if text, err := cmd.CombinedOutput(); err != nil {
				p.t.Fatalf("%q: %v\n%s", words, err, text)
			}
		}
	}
	compiler := func(name, flags string) string {
		file := filepath.Join(p.dir, name)
		writeFile(t, file, "#!/bin/sh\nexec gcc "+flags+" \"$@\"\n", 0o777)
		return file
	}
	if err := os.Mkdir(filepath.Join(p.dir, "a", "first"), 0o777); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(p.dir, "a", "lib", "libfoo.a")
	p.take([]step{
		{name: "first", plain: true, first: miss, change: func() { library("lib", 1) }},
		{name: "program", plain: true, first: miss, way: build},
		{name: "library rebuilt", first: miss, way: build, change: func() { library("lib", 2) }},
		{name: "library rebuilt with its time kept", first: miss, way: build, change: func() {
			info, err := os.Stat(old)
			if err != nil {
				t.Fatal(err)
			}
			library("lib", 3)
			if err := os.Chtimes(old, info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "library touched", first: hit, way: build, change: func() {
			if err := os.Chtimes(old, time.Time{}, time.Now()); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "library in an earlier directory", plain: true, first: miss, way: build, change: func() { library("first", 4) }},
		{name: "earlier library gone", first: miss, way: build, change: func() { os.Remove(filepath.Join(p.dir, "a", "first", "libfoo.a")) }},
		{name: "CC", first: uncached, way: build, env: []string{"CC=" + compiler("cc1", "")}},
		{name: "CC of two words", plain: true, first: uncached, way: build, env: []string{"CC=" + compiler("cc2", "") + " -O1"}},
		{name: "CC's content", first: uncached, way: build, env: []string{"CC=" + filepath.Join(p.dir, "cc1")}, change: func() { compiler("cc1", "-Wl,-z,now") }},
		{name: "CGO_CFLAGS", first: miss, way: build, env: []string{"CGO_CFLAGS=-O1 -DX"}},
		{name: "CGO_LDFLAGS", plain: true, first: miss, way: build, env: []string{"CGO_LDFLAGS=-O1 -Wl,-z,now"}},
		{name: "extldflags", plain: true, first: miss, way: build, flags: []string{"-ldflags=-extldflags=-Wl,--hash-style=sysv"}},
		{name: "gcc and a word", first: miss, way: build, env: []string{"CC=gcc -O1"}},
		{name: "LIBRARY_PATH", first: uncached, way: build, env: []string{"LIBRARY_PATH=" + p.dir}},
		{name: "cgo off", plain: true, first: miss, way: build, env: []string{"CGO_ENABLED=0"}},
	})
}

// The user reads the same of a failed link as without the cache.
func TestFailedExternalLinkReadsTheSame(t *testing.T) {
	harnesstest.Need(t, "gcc")
	t.Parallel()
	p := newProject(t)
	p.write("a/c.go", "package a\n\n// int missing(void);\nimport \"C\"\n\nfunc init() { C.missing() }\n")
	failed := func(flags ...string) string {
		cmd := exec.Command("go", slices.Concat([]string{"test", "-vet=off"}, flags, []string{"./a"})...)
		cmd.Dir = p.dir
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Fatalf("linked: %s", out)
		}
		return withoutTempNames(string(out))
	}
	plain := failed()
	if with := failed(p.cached()); with != plain || !strings.Contains(plain, "undefined reference") {
		t.Errorf("with the cache:\n%s\nwithout:\n%s", with, plain)
	}
	if stats, err := p.cache.Stats(); err != nil || stats.Entries != 0 || stats.Uncached != 1 {
		t.Errorf("stats %+v, %v", stats, err)
	}
}

// withoutTempNames replaces the digits of temporary names.
func withoutTempNames(s string) string {
	for _, prefix := range []string{"/go-link-", "/go-build", "/cc"} {
		parts := strings.Split(s, prefix)
		for i := range parts[1:] {
			_, rest, _ := strings.Cut(parts[i+1], "/")
			parts[i+1] = rest
		}
		s = strings.Join(parts, prefix+"N/")
	}
	return s
}

// The go command finds in its build cache what it compiled without us, and the
// other way round.
func TestBuildCacheIsShared(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"go first", "pgtest first"} {
		t.Run(order, func(t *testing.T) {
			p := newProject(t)
			with, without := []string{"test", "-count=1", "-x", p.cached(), "./..."}, []string{"test", "-count=1", "-x", "./..."}
			first, second := without, with
			if order == "pgtest first" {
				first, second = with, without
			}
			if n := compiles(p.run(nil, first...)); n < 3 {
				t.Errorf("the first run has compiled %d packages, want all of the module", n)
			}
			out := p.run(nil, second...)
			if n := compiles(out); n != 0 || !strings.Contains(out, "/link ") {
				t.Errorf("the second run has compiled %d packages:\n%s", n, out)
			}
		})
	}
}

// compiles counts the compile actions in the output of -x.
func compiles(out string) int { return strings.Count(out, "/compile -o ") }
