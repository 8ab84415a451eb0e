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
	change   func(s *staleProject)
	after    []string // environment after the change, if it is another
	newFlags []string // flags after the change, if they are others
	same     bool     // the change does not show in this case's binary

	pkgConfig bool // the program gets its library by pkg-config
}

// notKept are links whose results depend on what an entry does not cover.
var notKept = []struct {
	name  string
	need  string // a program that has to be installed
	env   []string
	flags []string
}{
	{name: "wrapper with a variable of its own", env: []string{"MINE="}, flags: []string{"-ldflags=-extld=DIR/bin/cc"}},
	{name: "wrapper that reads a file", flags: []string{"-ldflags=-extld=DIR/bin/filecc"}},
	{name: "wrapper as CC", env: []string{"CC=DIR/bin/cc", "MINE="}},
	{name: "launcher", flags: []string{"-ldflags=-s '-extld=DIR/bin/launch gcc'"}, env: []string{"MINE="}},
	{name: "launcher that is a program", flags: []string{"-ldflags=-s '-extld=env MINE= DIR/bin/cc'"}},
	{name: "program in gcc's name", flags: []string{"-ldflags=-extld=DIR/bin/gcc"}},
	{name: "ccache before gcc", need: "ccache", flags: []string{"-ldflags=-s '-extld=ccache gcc'"}, env: []string{"CCACHE_DIR=DIR/ccache", "CCACHE_COMPILER="}},
	{name: "ccache in gcc's name", need: "ccache", flags: []string{"-ldflags=-extld=DIR/masquerade/gcc"}, env: []string{"CCACHE_DIR=DIR/ccache"}},
	{name: "gcc replaced on PATH", env: []string{"PATH=DIR/nowbin:" + os.Getenv("PATH")}},
	{name: "relative compiler", flags: []string{"-ldflags=-extld=./bin/filecc"}},
	{name: "response file", flags: []string{"-ldflags=-extldflags=@DIR/response"}},
	{name: "response file for ld", flags: []string{"-ldflags=-extldflags=-Wl,@DIR/ldresponse"}},
	{name: "specs file", flags: []string{"-ldflags=-extldflags=-specs=DIR/specs"}},
	{name: "specs file, two dashes", flags: []string{"-ldflags=-extldflags=--specs=DIR/specs"}},
	{name: "directory of gcc's", flags: []string{"-ldflags=-extldflags=-BDIR/gccdir"}},
	{name: "wrapper for gcc's programs", flags: []string{"-ldflags=-s '-extldflags=-wrapper DIR/bin/launch'"}, env: []string{"MINE="}},
	{name: "linker script of the user", flags: []string{"-ldflags=-extldflags=-Wl,-T,DIR/add.ld"}},
	{name: "version script", flags: []string{"-ldflags=-extldflags=-Wl,--version-script=DIR/add.ver"}},
	{name: "thin archive", flags: []string{"-ldflags=-s '-extldflags=-Wl,--whole-archive DIR/thin/libthin.a -Wl,--no-whole-archive'"}},
	{name: "libraries by a response file in CGO_LDFLAGS", env: []string{"CGO_LDFLAGS=-Wl,@DIR/ldresponse", "CGO_LDFLAGS_ALLOW=.*"}},
	{name: "flags in GOFLAGS", env: []string{"GOFLAGS='-ldflags=-extldflags=@DIR/response'"}},
	{name: "LIBRARY_PATH whose library changes", env: []string{"LIBRARY_PATH=DIR/path"}, flags: []string{"-ldflags=-s '-extldflags=-Wl,--no-as-needed -lpath'"}},
	{name: "LD_RUN_PATH changed", env: []string{"LD_RUN_PATH=/opt"}},
	{name: "library of a shared library", flags: []string{"-ldflags=-s '-extldflags=-LDIR/outer -louter -Wl,-rpath-link,DIR/inner'"}},
	{name: "link-time optimization", env: []string{"CGO_CFLAGS=-flto"}},
	{name: "shared", flags: []string{"-buildmode=c-shared"}},
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
	t.Run("not kept", func(t *testing.T) {
		t.Parallel()
		s := newStaleProject(t, template, t.TempDir())
		for _, tt := range notKept {
			t.Run(tt.name, func(t *testing.T) {
				if tt.need != "" {
					harnesstest.Need(t, tt.need)
				}
				s.t = t
				s.link(tt.env, tt.flags)
				if got := s.outcomes(); got != "u" {
					t.Errorf("outcome %q", got)
				}
			})
		}
		if stats, err := s.cache.Stats(); err != nil || stats.Entries > 0 {
			t.Errorf("the cache has %d entries, %v", stats.Entries, err)
		}
	})
	for _, tt := range []staleCase{
		{name: "library", change: func(s *staleProject) { s.archive("lib/libfoo.a", 2) }},
		{name: "library earlier on the path", change: func(s *staleProject) { s.archive("early/libfoo.a", 2) }},
		{name: "shared library earlier on the path", change: func(s *staleProject) { s.shared("early/libfoo.so", 2) }},
		{name: "shared library beside", change: func(s *staleProject) { s.shared("lib/libfoo.so", 2) }},
		{name: "directory that was not there", flags: []string{"-ldflags=-extldflags=-LDIR/none"},
			same: true, change: func(s *staleProject) {
				s.write("none/x", "")
				s.archive("none/libfoo.a", 2)
			}},
		{name: "library as linker script", change: func(s *staleProject) {
			s.archive("early/x.dat", 2)
			s.write("early/libfoo.a", "INPUT("+s.dir+"/early/x.dat)")
		}},
		{name: "linker script that names another file", change: func(s *staleProject) {
			s.archive("early/other.a", 2)
			s.write("early/libfoo.so", "/* GNU ld script */ GROUP ( "+s.dir+"/early/other.a )\n")
		}},
		{name: "PATH", env: []string{"PATH=" + os.Getenv("PATH")},
			after: []string{"PATH=DIR/nowbin:" + os.Getenv("PATH")}},
		{name: "ld on PATH", after: []string{"PATH=DIR/ldbin:" + os.Getenv("PATH")}},
		{name: "library by pkg-config", need: "pkg-config", pkgConfig: true, env: []string{"PKG_CONFIG_PATH=DIR/pc"},
			change: func(s *staleProject) { s.archive("lib/libfoo.a", 2) }},
		{name: "library earlier by pkg-config", need: "pkg-config", pkgConfig: true, env: []string{"PKG_CONFIG_PATH=DIR/pc"},
			change: func(s *staleProject) { s.archive("early/libfoo.a", 2) }},
		{name: "coverage", flags: []string{"-cover"}, change: func(s *staleProject) { s.archive("lib/libfoo.a", 2) }},
		{name: "other flags in GOFLAGS", env: []string{"GOFLAGS=-ldflags=-extldflags=-Wl,-z,lazy"},
			after: []string{"GOFLAGS=-ldflags=-extldflags=-Wl,-z,now"}},
		{name: "other extldflags", flags: []string{"-ldflags=-extldflags=-Wl,-z,lazy"}, newFlags: []string{"-ldflags=-extldflags=-Wl,-z,now"}},
		{name: "LIBRARY_PATH", after: []string{"LIBRARY_PATH=DIR/copy"}, same: true},
		{name: "COMPILER_PATH", after: []string{"COMPILER_PATH=DIR/gccdir2"}},
		{name: "GCC_EXEC_PREFIX", after: []string{"GCC_EXEC_PREFIX=/usr/lib/gcc/"}, same: true},
		{name: "LD_RUN_PATH", env: nil, after: []string{"LD_RUN_PATH=/opt/lib"}},
		{name: "LD_LIBRARY_PATH", after: []string{"LD_LIBRARY_PATH=DIR/early"}, same: true},
		{name: "LD_PRELOAD", after: []string{"LD_PRELOAD=libc.so.6"}, same: true},
		{name: "library in the working directory", flags: []string{"-ldflags=-extldflags=-L/usr/lib/gcc"},
			change: func(s *staleProject) { s.shared("libgcc_s.so.1", 2, "-Wl,-soname,mine.so") }, same: true},
		{name: "position independent", flags: []string{"-buildmode=pie"}, change: func(s *staleProject) { s.archive("lib/libfoo.a", 2) }},
		{name: "race", flags: []string{"-race"}, change: func(s *staleProject) { s.archive("lib/libfoo.a", 2) }},
		{name: "static", flags: []string{"-ldflags=-extldflags=-static"}, change: func(s *staleProject) { s.archive("lib/libfoo.a", 2) }},
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
	first := s.link(tt.env, tt.flags)
	if again := s.link(tt.env, tt.flags); again != first {
		t.Error("the same link gives another binary")
	}
	if got := s.outcomes(); got != "mh" {
		t.Errorf("outcomes %q", got)
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
	if second := s.link(env, flags); !tt.same && second == first {
		t.Error("the change makes no difference")
	}
	// Where the change does not show, the link is done again all the same.
	if got := s.outcomes(); got == "h" {
		t.Error("the link was not done again")
	}
}

// link makes the program through the cache.
func (s *staleProject) link(env, flags []string) string {
	s.t.Helper()
	flags, env = slices.Clone(flags), slices.Clone(env)
	for _, list := range [][]string{flags, env} {
		for i := range list {
			list[i] = strings.ReplaceAll(list[i], "DIR", s.dir)
		}
	}
	// Debug information takes most of a link, and is the other tests' case.
	if i := slices.IndexFunc(flags, func(f string) bool { return strings.HasPrefix(f, "-ldflags=") }); i >= 0 {
		flags[i] = strings.Replace(flags[i], "-ldflags=", "-ldflags=-w ", 1)
	} else if !slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "GOFLAGS=") }) {
		flags = append(flags, "-ldflags=-w")
	}
	return s.make(build, env, append(flags, s.cached())...)
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
