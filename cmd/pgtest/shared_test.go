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
	cacheProgram := filepath.Join(t.TempDir(), "cacheprogram")
	if out, err := exec.Command("go", "build", "-o", cacheProgram, "pgtest/harness/harnesstest/cacheprogram").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program, err := gotest.JoinQuoted([]string{cacheProgram, server})
	if err != nil {
		t.Fatal(err)
	}
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
