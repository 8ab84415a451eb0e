package linkcache

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const otherUser = 12345

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
}

func chown(t *testing.T, path string) {
	t.Helper()
	if err := os.Lchown(path, otherUser, -1); err != nil {
		t.Fatal(err)
	}
}

// Nobody but the user and root decides where the cache lies. In each case
// nothing is created or changed.
func TestOpenBelowOthers(t *testing.T) {
	makeSub := func(t *testing.T, dir string, mode os.FileMode) string {
		sub := filepath.Join(dir, "sub")
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(sub, mode); err != nil {
			t.Fatal(err)
		}
		return sub
	}
	link := func(t *testing.T, target, name string) {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		make func(t *testing.T, dir string) string // returns what to open
		want string                                // empty: it can be used
	}{
		{"below another's directory", func(t *testing.T, dir string) string {
			sub := makeSub(t, dir, 0o755)
			chown(t, sub)
			return filepath.Join(sub, "link")
		}, "sub: belongs to another user"},
		{"far below another's directory", func(t *testing.T, dir string) string {
			sub := makeSub(t, dir, 0o755)
			inner := filepath.Join(sub, "mine")
			if err := os.Mkdir(inner, 0o700); err != nil {
				t.Fatal(err)
			}
			chown(t, sub)
			return filepath.Join(inner, "link")
		}, "sub: belongs to another user"},
		{"below a directory for all", func(t *testing.T, dir string) string {
			return filepath.Join(makeSub(t, dir, 0o777), "link")
		}, "sub: other users can write into it"},
		{"below a directory for a group", func(t *testing.T, dir string) string {
			sub := makeSub(t, dir, 0o775)
			if err := os.Chown(sub, -1, otherUser); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(sub, "link")
		}, "sub: other users can write into it"},
		{"below a directory for one's own group", func(t *testing.T, dir string) string {
			sub := makeSub(t, dir, 0o775)
			if err := os.Chown(sub, -1, os.Geteuid()); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(sub, "link")
		}, ""},
		{"below a sticky directory for all", func(t *testing.T, dir string) string {
			return filepath.Join(makeSub(t, dir, 0o777|os.ModeSticky), "link")
		}, ""},
		{"another's in a sticky directory", func(t *testing.T, dir string) string {
			sub := makeSub(t, dir, 0o777|os.ModeSticky)
			inner := makeSub(t, sub, 0o755)
			chown(t, inner)
			return filepath.Join(inner, "link")
		}, "belongs to another user"},
		{"another's symbolic link in a sticky directory", func(t *testing.T, dir string) string {
			sub := makeSub(t, dir, 0o777|os.ModeSticky)
			mine := filepath.Join(dir, "mine")
			if err := os.Mkdir(mine, 0o755); err != nil {
				t.Fatal(err)
			}
			link(t, mine, filepath.Join(sub, "planted"))
			chown(t, filepath.Join(sub, "planted"))
			return filepath.Join(sub, "planted")
		}, "planted: symbolic link of another user"},
		{"through a link to another's directory", func(t *testing.T, dir string) string {
			sub := makeSub(t, dir, 0o755)
			chown(t, sub)
			link(t, "sub", filepath.Join(dir, "alias"))
			return filepath.Join(dir, "alias", "link")
		}, "sub: belongs to another user"},
		{"through one's own link", func(t *testing.T, dir string) string {
			makeSub(t, dir, 0o755)
			link(t, "x/../sub", filepath.Join(dir, "alias"))
			if err := os.Mkdir(filepath.Join(dir, "x"), 0o700); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(dir, "alias", "link")
		}, ""},
		{"links in a circle", func(t *testing.T, dir string) string {
			link(t, "b", filepath.Join(dir, "a"))
			link(t, "a", filepath.Join(dir, "b"))
			return filepath.Join(dir, "a", "link")
		}, "too many levels of symbolic links"},
		{"a pipe or file on the way", func(t *testing.T, dir string) string {
			writeFile(t, filepath.Join(dir, "file"), "", 0o600)
			return filepath.Join(dir, "file", "link")
		}, "file: not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			needRoot(t)
			dir := t.TempDir()
			path := tt.make(t, dir)
			before := tree(t, dir)
			c, err := Open(path)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if real, err := filepath.EvalSymlinks(c.Dir()); err != nil || real != c.Dir() {
					t.Errorf("%s leads to %s, %v", c.Dir(), real, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if after := tree(t, dir); after != before {
				t.Errorf("before:\n%safter:\n%s", before, after)
			}
		})
	}
}

// tree lists the names and modes below dir.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			list.WriteString(info.Mode().String() + " " + path + "\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}
