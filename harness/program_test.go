package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestProgramID compares with the go command, which knows the build ids of
// programs for all systems.
func TestProgramID(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, goos := range []string{"linux", "darwin", "freebsd"} {
		program := filepath.Join(dir, goos)
		build := exec.Command("go", "build", "-o", program, source)
		build.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		want, err := exec.Command("go", "tool", "buildid", program).Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := programID(program); got != strings.TrimSpace(string(want)) {
			t.Errorf("%s: %q, want %q", goos, got, want)
		}
	}
	other := filepath.Join(dir, "other")
	os.WriteFile(other, []byte("#!/bin/sh\n"), 0o777)
	if id := programID(other); id == "" || strings.Contains(id, "/") {
		t.Errorf("a program without a build id: %q", id)
	}
	if id := programID(filepath.Join(dir, "none")); id != "" {
		t.Errorf("no program: %q", id)
	}
}
