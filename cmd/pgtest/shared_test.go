package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgtest/harness/gotest"
)

// TestSharedCache has other machines neither compile nor link nor test what a
// first one did. On a busy machine the program may be late, and links are then
// done: another machine tries again.
func TestSharedCache(t *testing.T) {
	test := func(name string) string {
		return fmt.Sprintf("package %s\n\nimport \"testing\"\n\nfunc TestIt(t *testing.T) { t.Log(%q) }\n", name, t.TempDir())
	}
	dir := writeModule(t, map[string]string{"a/a_test.go": test("a"), "b/b_test.go": test("b")})
	server := t.TempDir()
	program := cacheProgram(t, server)
	env := append(os.Environ(), "GOCACHEPROG="+program, "GOCACHE="+goEnvironment(t, "GOCACHE")["GOCACHE"], "PGTEST_HISTORY=off")
	run := func(machine string, words ...string) string {
		t.Helper()
		cmd := exec.Command(pgtestPath, words...)
		cmd.Dir, cmd.Env = dir, append(env, "XDG_CACHE_HOME="+machine)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", words, err, out)
		}
		return string(out)
	}
	stored := func() int {
		files, _ := os.ReadDir(server)
		return len(files)
	}
	run(t.TempDir(), "-vet=off", "./a", "./b")
	if out := run(t.TempDir(), "-vet=off", "./a", "./b"); strings.Count(out, "(cached)") != 2 {
		t.Errorf("tests ran again: %s", out)
	}
	const all = "0 from this cache, 2 through GOCACHEPROG, 0 linked and stored, 0 linked only"
	for range 50 {
		before, machine := stored(), t.TempDir()
		run(machine, "-vet=off", "-count=1", "./a", "./b")
		if strings.Contains(run(machine, "tool", "cache"), all) && stored() == before {
			return
		}
	}
	t.Error("no machine got all from the first")
}

// TestCacheProgramOfTests has tests see the user's GOCACHEPROG, and the user what came
// between.
func TestCacheProgramOfTests(t *testing.T) {
	dir := writeModule(t, map[string]string{"a_test.go": `package a

import (
	"os"
	"strings"
	"testing"
)

func TestEnvironment(t *testing.T) {
	if got, want := os.Getenv("GOCACHEPROG"), os.Getenv("WANT"); got != want {
		t.Errorf("GOCACHEPROG=%q, want %q", got, want)
	}
	if all := strings.Join(os.Environ(), "\n"); strings.Contains(all, "_PGTEST_GOCACHEPROG") {
		t.Error(all)
	}
}
`})
	home := ""
	program := cacheProgram(t, t.TempDir())
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("GOCACHEPROG="+program+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(words ...string) string {
		t.Helper()
		cmd := exec.Command(pgtestPath, words...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOCACHE="+goEnvironment(t, "GOCACHE")["GOCACHE"], "PGTEST_HISTORY=off", "XDG_CACHE_HOME="+home)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", words, err, out)
		}
		return string(out)
	}
	// On a busy machine the program may be late, and gets no bundle.
	found := false
	for i := 0; i < 50 && !found; i++ {
		home = t.TempDir()
		t.Setenv("GOCACHEPROG", program)
		t.Setenv("WANT", program)
		run(".")
		os.Unsetenv("GOCACHEPROG")
		t.Setenv("WANT", "")
		t.Setenv("GOENV", file)
		run(".")
		os.Unsetenv("GOENV")
		found = strings.Contains(run("tool", "cache"), "1 bundle from GOCACHEPROG")
	}
	if !found {
		t.Error("no run has a bundle")
	}
	run("tool", "cache", "clean")
	if out := run("tool", "cache"); strings.Contains(out, "bundle") {
		t.Errorf("after all was removed: %s", out)
	}
}

// cacheProgram returns the GOCACHEPROG of machines that share a directory.
func cacheProgram(t *testing.T, shared string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cacheprogram")
	if out, err := exec.Command("go", "build", "-o", path, "pgtest/harness/harnesstest/cacheprogram").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	value, err := gotest.JoinQuoted([]string{path, shared})
	if err != nil {
		t.Fatal(err)
	}
	return value
}
