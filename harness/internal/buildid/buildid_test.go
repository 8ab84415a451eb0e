package buildid

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOf compares with the go command, which knows the build ids of
// programs for all systems.
func TestOf(t *testing.T) {
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
		if got, err := Of(program); err != nil || got != strings.TrimSpace(string(want)) {
			t.Errorf("%s: %q, %v, want %q", goos, got, err, want)
		}
	}
	other := filepath.Join(dir, "other")
	os.WriteFile(other, []byte("#!/bin/sh\n"), 0o777)
	if id, err := Of(other); err != nil || id == "" || strings.Contains(id, "/") {
		t.Errorf("a program without a build id: %q", id)
	}
	if id, err := Of(filepath.Join(dir, "none")); err == nil {
		t.Errorf("no program: %q", id)
	}
}

func TestOfLinker(t *testing.T) {
	dir, err := exec.Command("go", "env", "GOTOOLDIR").Output()
	if err != nil {
		t.Fatal(err)
	}
	linker := filepath.Join(strings.TrimSpace(string(dir)), "link")
	id, err := Of(linker)
	want, _ := exec.Command("go", "tool", "buildid", linker).Output()
	if err != nil || id != strings.TrimSpace(string(want)) {
		t.Errorf("%q, %v; want %q", id, err, want)
	}
}
