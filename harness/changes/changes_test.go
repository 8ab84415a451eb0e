package changes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgtest/harness/harnesstest"
)

// repository makes one in a directory that is reached by a symbolic link, with
// settings that change what git diff prints.
func repository(t *testing.T) (dir string, git func(args ...string)) {
	t.Helper()
	harnesstest.Need(t, "git")
	scratch := t.TempDir()
	config := filepath.Join(scratch, "config")
	dir = filepath.Join(scratch, "link")
	write(t, config, "[user]\n\tname = n\n\temail = n@example.com\n[diff]\n\tnoprefix = true\n\tmnemonicPrefix = true\n"+
		"\tinterHunkContext = 9\n\texternal = false\n\trelative = true\n\tignoreSubmodules = all\n\trenames = false\n[color]\n\tui = always\n[core]\n\tquotePath = true\n")
	if err := os.Mkdir(filepath.Join(scratch, "real"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"} {
		t.Setenv(name, "") // the variable is put back at the end
		os.Unsetenv(name)
	}
	t.Setenv("GIT_CONFIG_GLOBAL", config)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	git = func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	git("init", "-q", "-b", "main")
	return dir, git
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// changed returns which of the first nine lines of a file changed.
func changed(l *Lines, path string) string {
	var lines strings.Builder
	for n := 1; n < 10; n++ {
		if l.Has(path, n) {
			fmt.Fprint(&lines, n)
		}
	}
	return lines.String()
}

func TestSince(t *testing.T) {
	dir, git := repository(t)
	const nine = "a\nb\nc\nd\ne\nf\ng\nh\ni\n"
	for _, name := range []string{"kept.go", "committed.go", "staged.go", "edited.go", "gone.go", "moved.go", "sub/ä \"b\" c.go", "attr.go", "end.go", "hunk.go"} {
		write(t, filepath.Join(dir, name), nine)
	}
	write(t, filepath.Join(dir, ".gitignore"), "ignored.go\n")
	write(t, filepath.Join(dir, ".gitattributes"), "attr.go -diff\n")
	git("add", ".")
	git("commit", "-q", "-m", "first")
	git("tag", "first")
	git("branch", "feature")
	write(t, filepath.Join(dir, "kept.go"), "changed on main\n")
	git("commit", "-q", "-a", "-m", "main")
	git("checkout", "-q", "feature")
	write(t, filepath.Join(dir, "committed.go"), "A\nb\nc\nd\nE\nf\ng\nh\ni\n")
	git("mv", "moved.go", "to.go")
	write(t, filepath.Join(dir, "to.go"), nine+"j\n")
	git("rm", "-q", "gone.go")
	git("commit", "-q", "-a", "-m", "feature")
	write(t, filepath.Join(dir, "staged.go"), strings.Replace(nine, "b\n", "B\nBB\n", 1))
	git("add", "staged.go")
	write(t, filepath.Join(dir, "edited.go"), strings.Replace(nine, "h\n", "", 1))
	write(t, filepath.Join(dir, "sub", "ä \"b\" c.go"), "x\n"+nine)
	write(t, filepath.Join(dir, "attr.go"), strings.Replace(nine, "c", "C", 1))
	write(t, filepath.Join(dir, "end.go"), strings.TrimSuffix(nine, "\n"))
	write(t, filepath.Join(dir, "hunk.go"), strings.NewReplacer("b", "++ b/end.go", "c", "@@ -1 +1 @@").Replace(nine))
	write(t, filepath.Join(dir, "sub", "new.go"), nine)
	write(t, filepath.Join(dir, "ignored.go"), nine)
	for _, from := range []string{dir, filepath.Join(dir, "sub")} {
		for _, ref := range []string{"main", "first", "HEAD~1"} {
			l, err := Since(from, ref)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{
				"kept.go": "", "committed.go": "15", "staged.go": "23", "edited.go": "", "gone.go": "", "moved.go": "", "to.go": "",
				"sub/ä \"b\" c.go": "1", "attr.go": "3", "end.go": "9", "hunk.go": "23", "sub/new.go": "123456789", "ignored.go": "", "none.go": "",
			} {
				if got := changed(l, filepath.Join(dir, name)); got != want {
					t.Errorf("since %s in %s: %s: lines %q, want %q", ref, from, name, got, want)
				}
			}
			if to := filepath.Join(dir, "to.go"); !l.Has(to, 10) || l.Has(to, 11) {
				t.Errorf("since %s: to.go: its tenth line alone changed", ref)
			}
		}
	}
}

func TestSinceRefuses(t *testing.T) {
	dir, git := repository(t)
	refuse := func(ref, want string) {
		t.Helper()
		_, err := Since(dir, ref)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want a line with %q", ref, err, want)
		}
	}
	refuse("HEAD", "no commit has this name")
	git("commit", "-q", "--allow-empty", "-m", "first")
	refuse("nosuch", "no commit has this name")
	refuse("--all", "no commit has this name")
	refuse("", "no commit has this name")
	git("checkout", "-q", "--orphan", "other")
	git("commit", "-q", "--allow-empty", "-m", "other")
	refuse("main", "a shallow clone lacks it")
	if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	refuse("main", "git: not a git repository")
	t.Setenv("PATH", t.TempDir())
	refuse("main", "git: not found on PATH")
}

func TestParse(t *testing.T) {
	for _, diff := range []string{"@@ x\n", "@@ -1 +x @@\n", "@@ 1 2 @@\n", "+++ b/a.go\n@@ -1 +1 @@\n-a\n"} {
		if err := parse([]byte(diff), func(string, span) {}); err == nil {
			t.Errorf("%q: no error", diff)
		}
	}
}

// TestParseLines has lines of hunks that look like others.
func TestParseLines(t *testing.T) {
	const diff = "+++ b/a.go\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+++ b/x.go\n@@ -5 +4,2 @@ func f() {\n--- a/y.go\n+@@ -1 +1 @@\n+\n" +
		"+++ /dev/null\n@@ -1 +0,0 @@\n-a\n+++ \"b/\\303\\244 c.go\"\t\n@@ -0,0 +1 @@\n+a\n"
	got := ""
	if err := parse([]byte(diff), func(name string, s span) { got += fmt.Sprint(name, s, " ") }); err != nil {
		t.Fatal(err)
	}
	if want := "a.go{1 2} a.go{4 6} ä c.go{1 2} "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
