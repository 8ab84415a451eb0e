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

	"pgtest/harness/harnesstest"
)

// A staleCase is a cgo program of which something changes that the go command
// knows nothing of, so that a plain link gives another binary.
type staleCase struct {
	name     string
	need     string // a program that has to be installed
	env      []string
	flags    []string
	first    outcome // what becomes of the link before the change
	change   func(s *staleProject)
	after    []string // environment after the change, if it is another
	newFlags []string // flags after the change, if they are others
	same     bool     // the change does not show in this case's binary

	pkgConfig bool // the program gets its library by pkg-config
}

// A staleProject is a program that returns foo() of a library.
type staleProject struct {
	*project
}

// tool runs a program in the project's directory.
func (s *staleProject) tool(words ...string) {
	s.t.Helper()
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%q: %v\n%s", words, err, out)
	}
}

// object compiles foo, which returns the result, to a file.
func (s *staleProject) object(name string, result int) {
	s.t.Helper()
	s.write("foo.x", fmt.Sprintf("int foo(void) { return %d; }\n", result))
	s.tool("gcc", "-c", "-fPIC", "-x", "c", "-o", name, "foo.x")
}

func (s *staleProject) archive(name string, result int) {
	s.t.Helper()
	s.object("foo.obj", result)
	os.Remove(filepath.Join(s.dir, name))
	s.tool("ar", "rcD", name, "foo.obj")
}

// member makes the member of the thin archive.
func (s *staleProject) member(result int) {
	s.t.Helper()
	s.object("thin/bar.o", result)
	s.tool("objcopy", "--redefine-sym", "foo=bar", "thin/bar.o")
}

func (s *staleProject) shared(name string, result int, flags ...string) {
	s.t.Helper()
	s.object("foo.obj", result)
	s.tool(slices.Concat([]string{"gcc", "-shared", "-o", name, "foo.obj"}, flags)...)
}

func (s *staleProject) script(name, text string) {
	s.t.Helper()
	writeFile(s.t, filepath.Join(s.dir, name), text, 0o777)
}

// now is a flag that makes another binary.
const now = "-Wl,-z,now"

// The old binary never comes out once something has changed that a plain link
// would see: whatever stands in gcc's or ld's place, whatever they read.
func TestNeverStale(t *testing.T) {
	harnesstest.Need(t, "gcc")
	t.Parallel()
	template := newStaleTemplate(t)
	// The go command compiles the program once in each directory.
	dirs := make(chan string, runtime.GOMAXPROCS(0))
	for range cap(dirs) {
		dirs <- t.TempDir()
	}
	tool := func(name, text string) func(*staleProject) {
		return func(s *staleProject) { s.script(name, text) }
	}
	for _, tt := range []staleCase{
		{name: "library", first: miss, change: func(s *staleProject) { s.archive("lib/libfoo.a", 2) }},
		{name: "library earlier on the path", first: miss, change: func(s *staleProject) { s.archive("early/libfoo.a", 2) }},
		{name: "shared library earlier on the path", first: miss, change: func(s *staleProject) { s.shared("early/libfoo.so", 2) }},
		{name: "shared library beside", first: miss, change: func(s *staleProject) { s.shared("lib/libfoo.so", 2) }},
		{name: "directory that was not there", first: miss, flags: []string{"-ldflags=-extldflags=-LDIR/none"},
			same: true, change: func(s *staleProject) {
				s.write("none/x", "")
				s.archive("none/libfoo.a", 2)
			}},
		{name: "library as linker script", first: miss, change: func(s *staleProject) {
			s.archive("early/x.dat", 2)
			s.write("early/libfoo.a", "INPUT("+s.dir+"/early/x.dat)")
		}},
		{name: "linker script that names another file", first: miss, change: func(s *staleProject) {
			s.archive("early/other.a", 2)
			s.write("early/libfoo.so", "/* GNU ld script */ GROUP ( "+s.dir+"/early/other.a )\n")
		}},
		{name: "wrapper with a variable of its own", env: []string{"MINE="}, after: []string{"MINE=" + now}, first: uncached,
			flags: []string{"-ldflags=-extld=DIR/bin/cc"}},
		{name: "wrapper that reads a file", first: uncached, flags: []string{"-ldflags=-extld=DIR/bin/filecc"},
			change: func(s *staleProject) { s.write("bin/flags", now) }},
		{name: "wrapper as CC", env: []string{"CC=DIR/bin/cc", "MINE="}, after: []string{"CC=DIR/bin/cc", "MINE=" + now}, first: uncached},
		{name: "launcher", first: uncached, flags: []string{"-ldflags=-s '-extld=DIR/bin/launch gcc'"},
			env: []string{"MINE="}, after: []string{"MINE=" + now}},
		{name: "launcher that is a program", first: uncached, flags: []string{"-ldflags=-s '-extld=env MINE= DIR/bin/cc'"},
			change: tool("bin/cc", "#!/bin/sh\nexec gcc \"$@\" "+now+"\n")},
		{name: "program in gcc's name", first: uncached, flags: []string{"-ldflags=-extld=DIR/bin/gcc"},
			change: func(s *staleProject) { s.write("bin/flags", now) }},
		{name: "ccache before gcc", need: "ccache", first: uncached, flags: []string{"-ldflags=-s '-extld=ccache gcc'"},
			env: []string{"CCACHE_DIR=DIR/ccache", "CCACHE_COMPILER="}, after: []string{"CCACHE_DIR=DIR/ccache", "CCACHE_COMPILER=DIR/bin/nowcc", "CCACHE_COMPILERTYPE=gcc"}},
		{name: "ccache in gcc's name", need: "ccache", first: uncached, flags: []string{"-ldflags=-extld=DIR/masquerade/gcc"},
			env: []string{"CCACHE_DIR=DIR/ccache"}, after: []string{"CCACHE_DIR=DIR/ccache", "PATH=DIR/nowbin:" + os.Getenv("PATH")}},
		{name: "PATH", first: miss, env: []string{"PATH=" + os.Getenv("PATH")},
			after: []string{"PATH=DIR/nowbin:" + os.Getenv("PATH")}},
		{name: "ld on PATH", first: miss, after: []string{"PATH=DIR/ldbin:" + os.Getenv("PATH")}},
		{name: "gcc replaced on PATH", first: uncached, env: []string{"PATH=DIR/nowbin:" + os.Getenv("PATH")},
			change: tool("nowbin/gcc", "#!/bin/sh\nexec /usr/bin/gcc \"$@\"\n")},
		{name: "relative compiler", first: uncached, flags: []string{"-ldflags=-extld=./bin/filecc"},
			change: func(s *staleProject) { s.write("bin/flags", now) }},
		{name: "response file", first: uncached, flags: []string{"-ldflags=-extldflags=@DIR/response"},
			change: func(s *staleProject) { s.write("response", now) }},
		{name: "response file for ld", first: uncached, flags: []string{"-ldflags=-extldflags=-Wl,@DIR/ldresponse"},
			change: func(s *staleProject) { s.write("ldresponse", "-z now") }},
		{name: "specs file", first: uncached, flags: []string{"-ldflags=-extldflags=-specs=DIR/specs"},
			change: func(s *staleProject) { s.write("specs", "*link:\n+ -z now\n\n") }},
		{name: "specs file, two dashes", first: uncached, flags: []string{"-ldflags=-extldflags=--specs=DIR/specs"},
			change: func(s *staleProject) { s.write("specs", "*link:\n+ -z now\n\n") }},
		{name: "directory of gcc's", first: uncached, flags: []string{"-ldflags=-extldflags=-BDIR/gccdir"},
			change: tool("gccdir/ld", "#!/bin/sh\nexec ld \"$@\" -z now\n")},
		{name: "wrapper for gcc's programs", first: uncached, flags: []string{"-ldflags=-s '-extldflags=-wrapper DIR/bin/launch'"},
			env: []string{"MINE="}, after: []string{"MINE=-s"}, same: true},
		{name: "linker script of the user", first: uncached, flags: []string{"-ldflags=-extldflags=-Wl,-T,DIR/add.ld"},
			change: func(s *staleProject) { s.write("add.ld", "SECTIONS { .mine : { LONG(2) } } INSERT AFTER .data;") }},
		{name: "version script", first: uncached, flags: []string{"-ldflags=-extldflags=-Wl,--version-script=DIR/add.ver"},
			change: func(s *staleProject) { s.write("add.ver", "V2 { global: main; };") }, same: true},
		{name: "library by pkg-config", need: "pkg-config", first: miss, pkgConfig: true, env: []string{"PKG_CONFIG_PATH=DIR/pc"},
			change: func(s *staleProject) { s.archive("lib/libfoo.a", 2) }},
		{name: "library earlier by pkg-config", need: "pkg-config", first: miss, pkgConfig: true, env: []string{"PKG_CONFIG_PATH=DIR/pc"},
			change: func(s *staleProject) { s.archive("early/libfoo.a", 2) }},
		{name: "coverage", first: miss, flags: []string{"-cover"}, change: func(s *staleProject) { s.archive("lib/libfoo.a", 2) }},
		{name: "thin archive", first: uncached, flags: []string{"-ldflags=-s '-extldflags=-Wl,--whole-archive DIR/thin/libthin.a -Wl,--no-whole-archive'"},
			change: func(s *staleProject) { s.member(2) }},
		{name: "libraries by a response file in CGO_LDFLAGS", first: uncached, env: []string{"CGO_LDFLAGS=-Wl,@DIR/ldresponse", "CGO_LDFLAGS_ALLOW=.*"},
			change: func(s *staleProject) { s.write("ldresponse", "-z now") }},
		{name: "flags in GOFLAGS", first: uncached, env: []string{"GOFLAGS='-ldflags=-extldflags=@DIR/response'"},
			change: func(s *staleProject) { s.write("response", now) }},
		{name: "other flags in GOFLAGS", first: miss, env: []string{"GOFLAGS=-ldflags=-extldflags=-Wl,-z,lazy"},
			after: []string{"GOFLAGS=-ldflags=-extldflags=-Wl,-z,now"}},
		{name: "other extldflags", first: miss, flags: []string{"-ldflags=-extldflags=-Wl,-z,lazy"}, newFlags: []string{"-ldflags=-extldflags=-Wl,-z,now"}},
		{name: "LIBRARY_PATH", first: miss, after: []string{"LIBRARY_PATH=DIR/copy"}, same: true},
		{name: "LIBRARY_PATH whose library changes", first: uncached, env: []string{"LIBRARY_PATH=DIR/path"},
			flags: []string{"-ldflags=-s '-extldflags=-Wl,--no-as-needed -lpath'"}, change: func(s *staleProject) { s.shared("path/libpath.so", 2, "-Wl,-soname,other.so") }},
		{name: "COMPILER_PATH", first: miss, after: []string{"COMPILER_PATH=DIR/gccdir2"}},
		{name: "GCC_EXEC_PREFIX", first: miss, after: []string{"GCC_EXEC_PREFIX=/usr/lib/gcc/"}, same: true},
		{name: "LD_RUN_PATH", first: miss, env: nil, after: []string{"LD_RUN_PATH=/opt/lib"}},
		{name: "LD_RUN_PATH changed", first: uncached, env: []string{"LD_RUN_PATH=/opt"}, after: []string{"LD_RUN_PATH=/usr/opt"}},
		{name: "LD_LIBRARY_PATH", first: miss, after: []string{"LD_LIBRARY_PATH=DIR/early"}, same: true},
		{name: "LD_PRELOAD", first: miss, after: []string{"LD_PRELOAD=libc.so.6"}, same: true},
		{name: "library in the working directory", first: miss, flags: []string{"-ldflags=-extldflags=-L/usr/lib/gcc"},
			change: func(s *staleProject) { s.shared("libgcc_s.so.1", 2, "-Wl,-soname,mine.so") }, same: true},
		{name: "library of a shared library", first: uncached, flags: []string{"-ldflags=-s '-extldflags=-LDIR/outer -louter -Wl,-rpath-link,DIR/inner'"},
			change: func(s *staleProject) { s.shared("inner/libinner.so", 2, "-Wl,-soname,libinner.so") }, same: true},
		{name: "link-time optimization", first: uncached, env: []string{"CGO_CFLAGS=-flto"}, change: func(*staleProject) {}, same: true},
		{name: "position independent", first: miss, flags: []string{"-buildmode=pie"}, change: func(s *staleProject) { s.archive("lib/libfoo.a", 2) }},
		{name: "shared", first: uncached, flags: []string{"-buildmode=c-shared"}, change: func(s *staleProject) { s.archive("lib/libfoo.a", 2) }},
		{name: "race", first: miss, flags: []string{"-race"}, change: func(s *staleProject) { s.archive("lib/libfoo.a", 2) }},
		{name: "static", first: miss, flags: []string{"-ldflags=-extldflags=-static"}, change: func(s *staleProject) { s.archive("lib/libfoo.a", 2) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := <-dirs
			defer func() { dirs <- dir }()
			tt.run(t, template, dir)
		})
	}
}

func (tt *staleCase) run(t *testing.T, template, dir string) {
	if tt.need != "" {
		harnesstest.Need(t, tt.need)
	}
	s := newStaleProject(t, template, dir)
	if tt.pkgConfig {
		s.write("tiny/main.go", "package main\n\n// #cgo pkg-config: foo\n// int foo(void);\nimport \"C\"\n\nfunc main() { println(C.foo()) }\n")
	}
	build := func(env, flags []string, with bool) string {
		t.Helper()
		flags, env = slices.Clone(flags), slices.Clone(env)
		for _, list := range [][]string{flags, env} {
			for i := range list {
				list[i] = strings.ReplaceAll(list[i], "DIR", s.dir)
			}
		}
		if with {
			flags = append(flags, s.cached())
		}
		// Debug information takes most of a link, and is the other tests' case.
		if i := slices.IndexFunc(flags, func(f string) bool { return strings.HasPrefix(f, "-ldflags=") }); i >= 0 {
			flags[i] = strings.Replace(flags[i], "-ldflags=", "-ldflags=-w ", 1)
		} else if !slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "GOFLAGS=") }) {
			flags = append(flags, "-ldflags=-w")
		}
		return s.make(build, env, flags...)
	}
	first := build(tt.env, tt.flags, true)
	stats, err := s.cache.Stats()
	if got := s.outcomes(); err != nil || got != string(tt.first[0]) {
		t.Errorf("first link: %q, %+v, %v; want %v", got, stats, err, tt.first)
	}
	if again := build(tt.env, tt.flags, true); again != first {
		t.Error("the same link gives another binary")
	}
	if got := s.outcomes(); got == "h" != (tt.first == miss) {
		t.Errorf("second link: %q", got)
	}
	env, flags := tt.env, tt.flags
	if tt.after != nil {
		env = tt.after
	}
	if tt.newFlags != nil {
		flags = tt.newFlags
	}
	if tt.change != nil {
		tt.change(s)
	}
	second, plain := build(env, flags, true), build(env, flags, false)
	if second != plain {
		t.Errorf("the binary is not what a plain link gives (%s)", s.outcomes())
	}
	if !tt.same && plain == first {
		t.Error("the change makes no difference")
	}
	// Where the change does not show, the link is done again all the same.
	if got := s.outcomes(); got == "h" {
		t.Error("the link was not done again")
	}
}

// newStaleTemplate makes what does not depend on a project's directory.
func newStaleTemplate(t *testing.T) string {
	s := &staleProject{project: &project{t: t, dir: t.TempDir()}}
	for _, dir := range []string{"lib", "early", "bin", "gccdir", "gccdir2", "nowbin", "ldbin", "masquerade", "copy", "thin", "path", "outer", "inner", "ccache"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	s.write("tiny/main.go", "package main\n\n// #cgo LDFLAGS: -L${SRCDIR}/../early -L${SRCDIR}/../lib -lfoo\n// int foo(void);\nimport \"C\"\n\nfunc main() { println(C.foo()) }\n")
	s.archive("lib/libfoo.a", 1)
	s.script("bin/cc", "#!/bin/sh\nexec gcc \"$@\" $MINE\n")
	s.script("bin/nowcc", "#!/bin/sh\nexec gcc \"$@\" "+now+"\n")
	s.script("bin/launch", "#!/bin/sh\nexec \"$@\" $MINE\n")
	s.script("nowbin/gcc", "#!/bin/sh\nexec /usr/bin/gcc \"$@\" "+now+"\n")
	s.script("ldbin/ld", "#!/bin/sh\nexec /usr/bin/ld \"$@\" -z now\n")
	s.script("gccdir2/ld", "#!/bin/sh\nexec /usr/bin/ld \"$@\" -z now\n")
	s.write("bin/flags", "")
	s.write("response", "")
	s.write("ldresponse", "")
	s.write("specs", "")
	s.write("add.ld", "SECTIONS { .mine : { LONG(1) } } INSERT AFTER .data;")
	s.write("add.ver", "V1 { global: main; };")
	s.write("gccdir/x", "")
	s.write("wrap.x", `#include <unistd.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
	char *words[1000], flag[100] = "", path[1000];
	int i, n = readlink("/proc/self/exe", path, sizeof path - 10);
	FILE *f;
	path[n < 0 ? 0 : n] = 0;
	strcpy(strrchr(path, '/') + 1, "flags");
	f = fopen(path, "r");
	if (f) fgets(flag, sizeof flag, f);
	for (i = 0; i < argc; i++) words[i] = argv[i];
	words[0] = "gcc";
	if (*flag) words[i++] = flag;
	words[i] = 0;
	execvp("gcc", words);
	return 1;
}
`)
	s.tool("gcc", "-x", "c", "-o", "bin/gcc", "wrap.x")
	s.member(1)
	s.shared("path/libpath.so", 1)
	s.shared("inner/libinner.so", 1, "-Wl,-soname,libinner.so")
	s.shared("outer/libouter.so", 1, "-Linner", "-Wl,--no-as-needed", "-linner")
	return s.dir
}

func newStaleProject(t *testing.T, template, dir string) *staleProject {
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s := &staleProject{project: newProjectIn(t, dir)}
	s.tool("cp", "-a", template+"/.", ".")
	s.script("bin/filecc", "#!/bin/sh\nexec gcc \"$@\" $(cat "+s.dir+"/bin/flags)\n")
	s.tool("ar", "rcDT", "thin/libthin.a", "thin/bar.o")
	s.write("pc/foo.pc", "Name: foo\nDescription: foo\nVersion: 1\nLibs: -L"+s.dir+"/early -L"+s.dir+"/lib -lfoo\n")
	if ccache, err := exec.LookPath("ccache"); err == nil {
		if err := os.Symlink(ccache, filepath.Join(s.dir, "masquerade/gcc")); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
