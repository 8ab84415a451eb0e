package archive

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgtest/harness/harnesstest"
)

// TestTree says which files of a module are archived.
func TestTree(t *testing.T) {
	harnesstest.Need(t, "git")
	base := t.TempDir()
	outside, dir := filepath.Join(base, "outside"), filepath.Join(base, "m")
	put(t, base, map[string]string{"outside/file": "of another"})
	put(t, dir, map[string]string{
		".gitignore": "ignored*\n", "go.mod": "module m\n", "tools.go": "//go:build ignore\n\npackage m\n", "testdata/shared": "", "docs/page.md": "",
		"a/a_test.go": "package a\n", "a/testdata/x/y.go": "package y\n", "a/ignored.txt": "", "a/deep/er/file": "", "a/_gen/g.go": "package g\n",
		"b/b.go": "package b\n", "b/testdata/x": "", "a/gone": "", "out.tar.zst": "",
		"a/to": "-> deep/er/file", "a/nothing": "-> nowhere", "a/out": "-> " + outside + "/file", "a/up": "-> ../../outside/file", "a/outdir": "-> ../../outside", "a/abs": "-> " + dir + "/go.mod",
	})
	tree := func(modules ...string) *Tree {
		return &Tree{Dir: dir, Name: "files/0/m", Packages: []string{filepath.Join(dir, "a")}, Modules: modules}
	}
	names := func(w Writer) string {
		var all []string
		for _, f := range w.files {
			all = append(all, strings.TrimPrefix(f.name, "files/0/m/"))
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	const ofA = "a/_gen/g.go a/a_test.go a/abs a/deep/er/file a/gone"
	add := func(tree *Tree) (Writer, []string) {
		t.Helper()
		var w Writer
		notes, err := w.AddTree(t.Context(), tree, filepath.Join(dir, "out.tar.zst"))
		if err != nil {
			t.Fatal(err)
		}
		return w, notes
	}
	// Without git, and of a module that is not the user's.
	w, notes := add(tree(dir))
	if got, want := names(w), ".gitignore "+ofA+" a/ignored.txt a/nothing a/out a/testdata/x/y.go a/to a/up docs/page.md go.mod testdata/shared tools.go"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if want := filepath.Join(dir, "a/outdir") + ": left out: the link leads out of " + dir; len(notes) != 1 || notes[0] != want {
		t.Errorf("%q, want %q", notes, want)
	}
	w, _ = add(tree())
	if got, want := names(w), ofA+" a/ignored.txt a/nothing a/out a/testdata/x/y.go a/to a/up"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	// With git, whose ignored files come by a pattern alone.
	for _, words := range [][]string{{"init", "-q"}, {"add", "a/gone"}} {
		cmd := exec.Command("git", words...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if err := os.Remove(filepath.Join(dir, "a/gone")); err != nil {
		t.Fatal(err)
	}
	w, _ = add(tree(dir))
	if got, want := names(w), ".gitignore a/_gen/g.go a/a_test.go a/abs a/deep/er/file a/nothing a/out a/testdata/x/y.go a/to a/up docs/page.md go.mod testdata/shared tools.go"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for pattern, want := range map[string]string{
		"**/ignored*": "a/ignored.txt", "b": "b/b.go b/testdata/x", "b/*.go": "b/b.go", filepath.Join(dir, "b/*.go"): "b/b.go",
		"nix": "there is no such file", "../outside/*": outside + "/file is not in " + dir, "[": "syntax error in pattern",
	} {
		var w Writer
		_, err := w.AddMatching(t.Context(), tree(dir), dir, pattern)
		got := names(w)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", pattern, got, want)
		}
	}
	for _, f := range w.files {
		if isLink := f.link != ""; isLink != slices.Contains([]string{"files/0/m/a/to", "files/0/m/a/nothing"}, f.name) {
			t.Errorf("%s: link to %q", f.name, f.link)
		}
	}
}

// namesIn returns the names of the files that a tree gives an archive, with an @
// behind those of links, and what is said of others.
func namesIn(t *testing.T, tree *Tree) (names string, notes []string) {
	t.Helper()
	var w Writer
	notes, err := w.AddTree(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range w.files {
		name := strings.TrimPrefix(f.name, "files/0/m/")
		if f.link != "" {
			name += "@"
		}
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, " "), notes
}

func git(t *testing.T, dir string, words ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.com"}, words...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", words, err, out)
	}
}

// TestTreeOfPackages has what is special about the directories of packages: one at
// the root that is not archived, whose go.mod comes along, one that the go command
// ignores, a pipe, and a link that leads out through another.
func TestTreeOfPackages(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "m")
	put(t, dir, map[string]string{
		"go.mod": "module m\n", "go.sum": "", "root.go": "package m\n", "testdata/x": "",
		"a/a_test.go": "package a\n", "a/.hidden/g.go": "package g\n", "a/.x": "", "a/CVS/Root": "",
		"a/out": "-> ../../outside", "a/through": "-> out/file", "a/inside": "-> a_test.go",
	})
	put(t, base, map[string]string{"outside/file": ""})
	if err := syscall.Mkfifo(filepath.Join(dir, "a", "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree := &Tree{Dir: dir, Name: "files/0/m", Packages: []string{filepath.Join(dir, "a")}, Modules: []string{dir}}
	got, notes := namesIn(t, tree)
	if want := "a/.hidden/g.go a/.x a/a_test.go a/inside@ a/through go.mod go.sum"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	left := []string{dir + "/a/out: left out: the link leads out of " + dir, dir + "/a/pipe: left out: it is neither a file nor a link"}
	if !slices.Equal(notes, left) {
		t.Errorf("%q, want %q", notes, left)
	}
	var w Writer
	if _, err := w.AddMatching(t.Context(), tree, dir, "a/CVS"); err != nil || len(w.files) != 1 {
		t.Errorf("%v, %v", w.files, err)
	}
}

// TestTreeOfRepositories has repositories in a repository: one that is checked out,
// of which git tells, and a submodule that is not. Without git it is all files.
func TestTreeOfRepositories(t *testing.T) {
	harnesstest.Need(t, "git")
	dir := filepath.Join(t.TempDir(), "m[1]")
	put(t, dir, map[string]string{
		"go.mod": "module m\n", ".gitignore": "ignored\n", "ignored": "", "a/a_test.go": "package a\n",
		"inner/.gitignore": "of-inner\n", "inner/of-inner": "", "inner/file": "", "inner/ignored": "",
	})
	git(t, dir, "init", "-q")
	git(t, filepath.Join(dir, "inner"), "init", "-q")
	git(t, dir, "update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("1", 40)+",empty")
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o777); err != nil {
		t.Fatal(err)
	}
	tree := &Tree{Dir: dir, Name: "files/0/m", Packages: []string{filepath.Join(dir, "a")}, Modules: []string{dir}}
	if got, notes := namesIn(t, tree); got != ".gitignore a/a_test.go go.mod inner/.gitignore inner/file inner/ignored" || len(notes) > 0 {
		t.Errorf("%s, %q", got, notes)
	}
	var w Writer
	if _, err := w.AddMatching(t.Context(), tree, dir, "inner/of-*"); err != nil || len(w.files) != 1 {
		t.Errorf("%v, %v", w.files, err)
	}
	t.Setenv("PATH", t.TempDir())
	if got, notes := namesIn(t, tree); got != ".gitignore a/a_test.go go.mod ignored inner/.gitignore inner/file inner/ignored inner/of-inner" || len(notes) > 0 {
		t.Errorf("%s, %q", got, notes)
	}
}
