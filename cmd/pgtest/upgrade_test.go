package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUpgrade puts another pgtest in the place of one that has results in go
// test's cache. It may judge otherwise, so it takes over none of them.
func TestUpgrade(t *testing.T) {
	dir := t.TempDir()
	another := filepath.Join(dir, "another")
	build := exec.Command("go", "build", "-ldflags=-X=main.none=another", "-o", another, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	module := writeModule(t, map[string]string{
		"m_test.go": "package m\n\nimport \"testing\"\n\nfunc TestM(t *testing.T) {}\n",
	})
	place := filepath.Join(dir, "pgtest")
	for i, run := range []struct {
		pgtest string
		cached bool
	}{{pgtestPath, false}, {pgtestPath, true}, {another, false}, {another, true}, {pgtestPath, true}} {
		os.Remove(place)
		if err := os.Link(run.pgtest, place); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(place, "--progress=off", ".")
		cmd.Dir = module
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("run %d: %v: %s", i+1, err, out)
		}
		if cached := strings.Contains(string(out), "(cached)"); cached != run.cached {
			t.Errorf("run %d: cached: %t, want %t: %s", i+1, cached, run.cached, out)
		}
	}
}
