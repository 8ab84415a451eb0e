package changes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// names returns what changed, by paths in the tree; ones whose old text is known
// have it behind them.
func names(t *testing.T, dir, ref string) (*Tree, string) {
	t.Helper()
	tree, err := Files(dir, ref, func(path string) bool { return filepath.Ext(path) == ".go" })
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range tree.Changed {
		name, _ := filepath.Rel(tree.Root, f.Path)
		if f.Below {
			name += "/"
		}
		if f.Old != nil {
			name += fmt.Sprintf("=%q", f.Old)
		}
		all = append(all, name)
	}
	slices.Sort(all)
	return tree, strings.Join(all, " ")
}

func TestFiles(t *testing.T) {
	dir, git := repository(t)
	for _, name := range []string{"kept.go", "committed.go", "staged.go", "edited.go", "gone.go", "moved.go", "ä \"b\"\tc.go", "data/x", "untracked.go"} {
		write(t, filepath.Join(dir, name), "old")
	}
	write(t, filepath.Join(dir, ".gitignore"), "ignored*\n")
	git("config", "diff.renames", "true")
	for link, target := range map[string]string{"p/link": "../data", "p/file.go": "../edited.go", "p/broken": "nowhere"} {
		os.Mkdir(filepath.Join(dir, "p"), 0o777)
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	git("add", ".")
	git("commit", "-q", "-m", "first")
	git("checkout", "-q", "-b", "feature")
	if _, got := names(t, dir, "main"); got != "" {
		t.Errorf("without changes: %s", got)
	}
	write(t, filepath.Join(dir, "committed.go"), "new")
	git("commit", "-q", "-a", "-m", "second")
	git("mv", "moved.go", "sub.go")
	write(t, filepath.Join(dir, "staged.go"), "new")
	git("add", "staged.go")
	for _, name := range []string{"edited.go", "ä \"b\"\tc.go", "data/x", "sub/new.go", "ignored.go"} {
		write(t, filepath.Join(dir, name), "new")
	}
	if err := os.Remove(filepath.Join(dir, "gone.go")); err != nil {
		t.Fatal(err)
	}
	git("rm", "-q", "--cached", "untracked.go")
	want := `committed.go="old" data/x edited.go="old" gone.go="old" moved.go="old" p/file.go="old" p/link/x staged.go="old" sub.go sub/new.go untracked.go="old" ä "b"	c.go="old"`
	for _, from := range []string{dir, filepath.Join(dir, "sub")} {
		tree, got := names(t, from, "main")
		if got != want {
			t.Errorf("in %s:\n%s, want\n%s", from, got, want)
		}
		for name, want := range map[string]bool{"ignored.go": true, "sub/new.go": false, "kept.go": false, "../outside.go": false, "p/link/ignored.go": false} {
			if got := tree.Ignored(filepath.Join(tree.Root, name)); got != want {
				t.Errorf("%s is ignored: %v", name, got)
			}
		}
	}
}

// TestFilesMoved has a file with a link in its place, which was what it was before,
// and a link to another directory in place of one.
func TestFilesMoved(t *testing.T) {
	dir, git := repository(t)
	for _, name := range []string{"a.go", "d/b.go", "d/c.go"} {
		write(t, filepath.Join(dir, name), "old")
	}
	git("add", ".")
	git("commit", "-q", "-m", "first")
	for name, to := range map[string]string{"a.go": "moved.go", "d": "moved"} {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "moved", "new.go"), "new")
	if _, got := names(t, dir, "HEAD"); got != `a.go="old" d d/b.go="old" d/c.go="old" d/new.go moved.go moved/b.go moved/c.go moved/new.go` {
		t.Error(got)
	}
}

// TestFilesOfSubmodules has one that is edited, one that is new and one whose old
// commit is gone.
func TestFilesOfSubmodules(t *testing.T) {
	dir, git := repository(t)
	t.Setenv("GIT_ALLOW_PROTOCOL", "file")
	other := filepath.Join(filepath.Dir(dir), "other")
	inOther := func(args ...string) { t.Helper(); git(append([]string{"-C", other}, args...)...) }
	git("init", "-q", "-b", "main", other)
	write(t, filepath.Join(other, "a.go"), "old")
	inOther("add", ".")
	inOther("commit", "-q", "-m", "other")
	git("submodule", "--quiet", "add", other, "edited")
	git("submodule", "--quiet", "add", other, "lost")
	git("commit", "-q", "-m", "first")
	git("checkout", "-q", "-b", "feature")
	write(t, filepath.Join(dir, "edited", "a.go"), "new")
	write(t, filepath.Join(dir, "edited", "b.go"), "new")
	git("-C", "lost", "commit", "-q", "--amend", "-m", "anew")
	git("-C", "lost", "reflog", "expire", "--expire=now", "--all")
	git("-C", "lost", "update-ref", "refs/heads/main", "HEAD")
	git("-C", "lost", "remote", "remove", "origin")
	git("-C", "lost", "gc", "-q", "--prune=now")
	git("clone", "-q", other, "nested")
	tree, got := names(t, dir, "main")
	if want := `edited/a.go="old" edited/b.go lost/ nested/`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if tree.Ignored(filepath.Join(tree.Root, "lost", "a.go")) || tree.Ignored(filepath.Join(tree.Root, "nested", "a.go")) {
		t.Error("files of other repositories are ignored")
	}
}

func TestTrunk(t *testing.T) {
	dir, git := repository(t)
	if _, err := Files(dir, "", func(string) bool { return false }); err == nil || !strings.Contains(err.Error(), "name one") {
		t.Errorf("without a commit: %v", err)
	}
	git("commit", "-q", "--allow-empty", "-m", "first")
	git("checkout", "-q", "-b", "feature")
	is := func(want string) {
		t.Helper()
		if tree, _ := names(t, dir, ""); tree.Ref != want {
			t.Errorf("%s, want %s", tree.Ref, want)
		}
	}
	git("branch", "master")
	git("branch", "-D", "main", "-q")
	is("master")
	git("branch", "main")
	is("main")
	git("update-ref", "refs/remotes/origin/main", "HEAD")
	is("origin/main")
	git("branch", "--set-upstream-to=master", "-q")
	is("master")
	git("update-ref", "refs/remotes/origin/trunk", "HEAD")
	git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
	is("origin/trunk")
	git("checkout", "-q", "--detach")
	is("origin/trunk")
}
