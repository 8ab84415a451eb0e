package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgtest/harness/harnesstest"
)

// TestInstall installs into a directory for packages, and removes what it
// installed, with directories named as they are on the command line and in the
// environment. What is built is left in the tree, so that is a copy: of links.
func TestInstall(t *testing.T) {
	harnesstest.Need(t, "make")
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	tree := t.TempDir()
	for _, name := range []string{"Makefile", "cmd", "go.mod", "go.sum", "harness", "jsonstream", "signals"} {
		if err := os.Symlink(filepath.Join(root, name), filepath.Join(tree, name)); err != nil {
			t.Fatal(err)
		}
	}
	// The go command, in the tree itself, whose packages are compiled already.
	goCommand := filepath.Join(t.TempDir(), "go")
	script := fmt.Sprintf("#!/bin/sh\nexec go \"$1\" -C '%s' \"$2\" \"$PWD/$3\" \"$4\"\n", root) // build -o FILE PACKAGE
	if err := os.WriteFile(goCommand, []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name      string
		env, args []string // DEST is a new directory
		want      string   // below DEST
		share     string   // below DEST, where the other files are
	}{
		{"DESTDIR", nil, []string{"DESTDIR=DEST/package root"}, "package root/usr/local/bin/pgtest", "package root/usr/local/share"},
		{"PREFIX", nil, []string{"PREFIX=DEST/home"}, "home/bin/pgtest", "home/share"},
		{"PREFIX and DESTDIR", nil, []string{"PREFIX=/opt", "DESTDIR=DEST"}, "opt/bin/pgtest", "opt/share"},
		{"BINDIR", nil, []string{"BINDIR=DEST/sbin", "SHAREDIR=DEST/other"}, "sbin/pgtest", "other"},
		{"environment", []string{"PREFIX=/usr", "DESTDIR=DEST"}, nil, "usr/bin/pgtest", "usr/share"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dest := t.TempDir()
			run := func(target string) {
				t.Helper()
				cmd := exec.Command("make", append([]string{"-C", tree, "GO=" + goCommand, target}, tt.args...)...)
				// A make that runs the tests hands its own variables on.
				cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
					name, _, _ := strings.Cut(v, "=")
					return slices.Contains([]string{"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "GO", "PREFIX", "BINDIR", "SHAREDIR", "DESTDIR"}, name)
				})
				cmd.Env = append(cmd.Env, tt.env...)
				for _, words := range [][]string{cmd.Env, cmd.Args} {
					for i := range words {
						words[i] = strings.ReplaceAll(words[i], "=DEST", "="+dest)
					}
				}
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
				}
			}
			run("install")
			files := regularFiles(t, dest)
			want := []string{tt.want}
			for name, first := range map[string]string{
				"man/man1/pgtest.1": ".TH PGTEST 1", "bash-completion/completions/pgtest": "# Completion of pgtest for bash",
				"fish/vendor_completions.d/pgtest.fish": "# Completion of pgtest for fish", "zsh/site-functions/_pgtest": "#compdef pgtest",
			} {
				want = append(want, filepath.Join(tt.share, name))
				path := filepath.Join(dest, tt.share, name)
				info, err := os.Stat(path)
				if err != nil || info.Mode() != 0o644 {
					t.Errorf("%s: %v", name, err)
				}
				if text, _ := os.ReadFile(path); !strings.HasPrefix(string(text), first) {
					t.Errorf("%s: %.100s", name, text)
				}
			}
			slices.Sort(want)
			if slices.Sort(files); !slices.Equal(files, want) {
				t.Errorf("installed %q, want %q", files, want)
			}
			program := filepath.Join(dest, tt.want)
			if out, err := exec.Command(program, "--version").CombinedOutput(); err != nil {
				t.Errorf("the program does not run: %v\n%s", err, out)
			}
			if info, err := os.Stat(program); err != nil || info.Mode() != 0o755 {
				t.Errorf("%v, %v; want mode 0755", info.Mode(), err)
			}
			run("uninstall")
			if left := regularFiles(t, dest); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			run("uninstall") // of what is not there
		})
	}
}

// regularFiles returns the names of all files below a directory.
func regularFiles(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	for _, name := range filesBelow(dir) {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if relative, err := filepath.Rel(dir, name); err == nil && !info.IsDir() {
			files = append(files, relative)
		}
	}
	return files
}
