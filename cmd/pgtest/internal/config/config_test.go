package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRead has what files say of a profile, or the line about what is wrong.
func TestRead(t *testing.T) {
	for _, tt := range []struct{ text, profile, want string }{
		{"", "default", ""},
		{"[profile]", "default", ""},
		{"[profile.default]\na = 'x'\nb = 3\nc = true\nd = ['x', 'y']\n", "default", "a=x b=3 c=true d=[x y]"},
		{"profile.default = {a = 'x', \"b\" = 1_000}", "default", "a=x b=1000"},
		{"[profile]\ndefault.a = 0x10\n", "default", "a=16"},
		{"[profile.ci]\na = 'y'\n[profile.default]\na = 'x'\nb = 1\n", "ci", "a=x b=1 a=y"},
		{"[profile.n]\ninherits = 'ci'\nc = 2\n[profile.ci]\na = 'y'\n", "n", "a=y c=2"},
		{"[profile.default]\na = 1.5\nb = [1]\nc = 1979-05-27\n", "default", "a=? b=? c=?"},
		{"[profile.default]\na = []\n", "default", "a=[]"},
		{"profile.ci = {}\n", "ci", ""},
		{"[profile]\nci = {}\nn = {inherits = 'ci', a = 1}\n", "n", "a=1"},

		{"[profile.ci]\n", "x", `no profile "x" in FILE`},
		{"[profile.nightly]\n", "nigthly", `no profile "nigthly" in FILE; did you mean "nightly"?`},
		{"a = 1", "default", `FILE:1:1: unknown key "a": settings stand in [profile.default] or another profile`},
		{"a = {}", "default", `FILE:1:1: unknown key "a": settings stand in [profile.default] or another profile`},
		{"profile.\"a\\nb\" = 3", "default", `FILE:1:9: profile."a\nb": must be a table of settings`},
		{"profile.\"a\\nb\".inherits = \"a\\nb\"", "default", `FILE:1:27: inherits: profile "a\nb" inherits from itself`},
		{"[[\"a\\nb\"]]", "default", `FILE:1:3: unknown table [["a\nb"]]: settings stand in [profile.default] or another profile`},
		{"[[override.\"a\\nb\"]]", "default", `FILE:1:12: unknown table [[override."a\nb"]]`},
		{"[profile.\"a\\nb\".override]", "default", `FILE:1:17: profile."a\nb".override: must be an array of tables, as [[profile."a\nb".override]] begins one`},
		{"[default]\na = 1", "default", `FILE:1:2: unknown key "default": settings stand in [profile.default] or another profile`},
		{"[profiles.default]", "default", `FILE:1:2: unknown key "profiles"; did you mean "profile"?`},
		{"profile.a1_-b = 3", "default", `FILE:1:9: profile.a1_-b: must be a table of settings`},
		{"profile.'' = 3", "default", `FILE:1:9: profile."": must be a table of settings`},
		{"profile = 3", "default", `FILE:1:1: profile: must be a table of settings`},
		{"profile.default = 3", "default", `FILE:1:9: profile.default: must be a table of settings`},
		{"[profile.a.b]\nx = 1", "default", `FILE:1:12: unknown table "profile.a.b"`},
		{"[[profile.a]]", "default", `FILE:1:3: unknown table [[profile.a]]: settings stand in [profile.default] or another profile`},
		{"[profile.a]\ninherits = 'b'\n[profile.b]\ninherits = 'a'\n", "a", `FILE:4:12: inherits: profile a inherits from itself`},
		{"[profile.a]\ninherits = 'a'\n", "default", `FILE:2:12: inherits: profile a inherits from itself`},
		{"[profile.a]\ninherits = 'bb'\n[profile.bc]", "default", `FILE:2:12: inherits: no profile "bb"; did you mean "bc"?`},
		{"[profile.a]\ninherits = 3\n", "default", `FILE:2:12: inherits: must be the name of a profile`},
		{"[profile.default]\ninherits = 'a'\n[profile.a]", "a", `FILE:2:1: inherits: profile default inherits from none`},
		{"[profile.a]\nb = [1\n", "a", `FILE:2:7: array is incomplete`},
		{"[profile.a]\nb = 1\nb = 2\n", "a", `FILE:3:1: key b is already defined`},
	} {
		path := write(t, filepath.Join(t.TempDir(), Name), tt.text)
		got := ""
		f, err := Read(path)
		var settings []Setting
		if err == nil {
			settings, err = f.Settings(tt.profile)
		}
		if err != nil {
			got = strings.ReplaceAll(err.Error(), path, "FILE")
		}
		for i, s := range settings {
			if i > 0 {
				got += " "
			}
			got += s.Key + "="
			switch s.Kind {
			case Other:
				got += "?"
			case Strings:
				got += "[" + strings.Join(s.Values, " ") + "]"
			default:
				got += s.Values[0]
			}
		}
		if got != tt.want {
			t.Errorf("%q: %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

// TestOverrides has the overrides of a profile and the groups, however they are
// written, or the line about what is wrong.
func TestOverrides(t *testing.T) {
	for _, tt := range []struct{ text, profile, want string }{
		{"[[override]]\npackages = ['a']\nx = 1\n[[override]]\ny = 2\n", "default", "1:3 packages=[a] x=1 | 4:3 y=2"},
		{"[profile.ci]\n[[profile.ci.override]]\na = 1\n[[override]]\na = 2\n[[profile.default.override]]\na = 3\n", "ci", "4:3 a=2 | 6:19 a=3 | 2:14 a=1"},
		{"[profile.ci]\n[[profile.ci.override]]\na = 1\n[[override]]\na = 2\n", "default", "4:3 a=2"},
		{"[profile.n]\ninherits = 'ci'\n[[profile.n.override]]\na = 1\n[[profile.ci.override]]\na = 2\n", "n", "5:14 a=2 | 3:13 a=1"},
		{"[[override]]\ne = {A = 'x', 'B.c' = 'y'}\n", "default", "1:3 e=table e.A=x e.B.c=y"},
		{"[[override]]\ne.A = 'x'\n[override.e]\nB = 'y'\n", "default", ""},
		{"[[override]]\na.b = {c = 1}\n", "default", "1:3 a.b=[]"},
		{"[[override]]\n[override.e]\nB = 'y'\n[[override]]\n[override.e]\nB = 'z'\n", "default", "1:3 e=table e.B=y | 4:3 e=table e.B=z"},
		{"[[profile.ci.override]]\n[profile.ci.override.e]\nB = 'y'\n", "ci", "1:14 e=table e.B=y"},
		{"override = [{a = 1}, {e = {}, b = {c = 2}}]\n", "default", "1:13 a=1 | 1:22 e=table b=table b.c=2"},
		{"profile.ci.override = [{a = 1}]\n", "ci", "1:24 a=1"},
		{"[profile]\nci = {override = [{a = 1}], x = 1}\n", "ci", "2:19 a=1"},
		{"[setup.db]\ncommand = 'x'\n[setup]\ne.packages = ['a', 'b']\n", "default", "db command=x, e packages=[a b]"},
		{"[setup]\ndb = 1\n", "default", "FILE:2:1: setup.db: must be a table of settings"},
		{"[setup.a.b]\n", "default", `FILE:1:10: unknown table "setup.a.b"`},
		{"[setups.a]\n", "default", `FILE:1:2: unknown key "setups"; did you mean "setup"?`},
		{"[group.db]\nmax = 1\n[group]\nx.max = 2\ny = {max = 3}\n", "default", "db max=1, x max=2, y max=3"},
		{"[group]\ndb = {}\n[setup]\ne = {}\n", "default", "db, e"},

		{"[override]\na = 1\n", "default", "FILE:1:2: override: must be an array of tables, as [[override]] begins one"},
		{"[override.a]\nb = 1\n", "default", "FILE:1:2: override: must be an array of tables, as [[override]] begins one"},
		{"[[override]]\na = 1\n[override]\n", "default", "FILE:3:2: table override already exists as an array of tables"},
		{"override = 1\n", "default", "FILE:1:1: override: must be an array of tables, as [[override]] begins one"},
		{"override = [1]\n", "default", "FILE:1:1: override: must be an array of tables, as [[override]] begins one"},
		{"override.a = 1\n", "default", "FILE:1:1: override: must be an array of tables, as [[override]] begins one"},
		{"[profile.a.override]\n", "default", "FILE:1:12: profile.a.override: must be an array of tables, as [[profile.a.override]] begins one"},
		{"[[override.a]]\n", "default", "FILE:1:12: unknown table [[override.a]]"},
		{"[[overide]]\n", "default", `FILE:1:3: unknown table [[overide]]; did you mean "override"?`},
		{"[[group.a]]\n", "default", "FILE:1:3: unknown table [[group.a]]: settings stand in [profile.default] or another profile"},
		{"[[override]]\n[override.a.b]\n", "default", `FILE:2:13: unknown table "override.a.b"`},
		{"[[override]]\na.b.c = 1\n", "default", `FILE:2:5: unknown key "a.b.c"`},
		{"[group]\ndb = 1\n", "default", "FILE:2:1: group.db: must be a table of settings"},
		{"[group.a.b]\n", "default", `FILE:1:10: unknown table "group.a.b"`},
	} {
		path := write(t, filepath.Join(t.TempDir(), Name), tt.text)
		f, err := Read(path)
		if err != nil {
			if got := strings.ReplaceAll(err.Error(), path, "FILE"); got != tt.want && tt.want != "" {
				t.Errorf("%q: %s\nwant %s", tt.text, got, tt.want)
			}
			continue
		}
		settings := func(list []Setting) (text string) {
			for _, s := range list {
				value := fmt.Sprint(s.Values)
				if s.Kind == Table {
					value = "table"
				}
				if len(s.Values) == 1 && s.Kind != Strings {
					value = s.Values[0]
				}
				key := s.Key
				if s.Sub != "" {
					key += "." + s.Sub
				}
				text += " " + key + "=" + value
			}
			return text
		}
		var got []string
		for _, o := range f.Overrides(tt.profile) {
			got = append(got, fmt.Sprintf("%d:%d%s", o.At.Line, o.At.Column, settings(o.Settings)))
		}
		var groups []string
		for _, g := range slices.Concat(f.Groups(), f.Setups()) {
			groups = append(groups, g.Name+settings(g.Settings))
		}
		if text := strings.Join(got, " | ") + strings.Join(groups, ", "); text != tt.want {
			t.Errorf("%q: %s\nwant %s", tt.text, text, tt.want)
		}
	}
}

// TestFind looks in the roots of module and repository.
func TestFind(t *testing.T) {
	for _, tt := range []struct{ files, from, want string }{
		{"r/.git/x r/m/go.mod r/m/pgtest.toml r/pgtest.toml", "r/m/a", "r/m/pgtest.toml"},
		{"r/.git/x r/m/go.mod r/pgtest.toml", "r/m/a", "r/pgtest.toml"},
		{"r/.git/x r/go.mod r/pgtest.toml r/m/go.mod r/m/pgtest.toml", "r/m/a", "r/m/pgtest.toml"},
		{"r/.git/x r/m/go.mod r/.config/pgtest.toml", "r/m", "r/.config/pgtest.toml"},
		{"r/.git/x r/m/go.mod r/m/a/pgtest.toml", "r/m/a", ""},
		{"pgtest.toml go.mod r/.git/x", "r", ""},
		{"pgtest.toml r/m/go.mod", "r/m", ""},
		{"go.mod pgtest.toml .config", ".", "pgtest.toml"},
		{"go.mod .config", ".", ""},
		{"go.mod pgtest.toml .config/pgtest.toml", ".", "pgtest.toml and .config/pgtest.toml: only one of them may be there"},
	} {
		root := t.TempDir()
		os.Mkdir(filepath.Join(root, ".git"), 0o777) // nothing above counts
		for _, name := range strings.Fields(tt.files) {
			write(t, filepath.Join(root, name), "")
		}
		if strings.HasPrefix(tt.files, "pgtest.toml r/m") {
			os.Remove(filepath.Join(root, ".git"))
		}
		from := filepath.Join(root, tt.from)
		os.MkdirAll(from, 0o777)
		got, err := Find(from)
		if err != nil {
			got = err.Error()
		} else if got != "" {
			f, err := Read(got)
			if dir := filepath.Dir(strings.Replace(got, "/.config", "", 1)); err != nil || f.Dir != dir {
				t.Errorf("%s: paths start from %s, %v", got, f.Dir, err)
			}
		}
		if got = strings.ReplaceAll(got, root+string(filepath.Separator), ""); got != tt.want {
			t.Errorf("%s from %s: %q, want %q", tt.files, tt.from, got, tt.want)
		}
	}
}

// TestFindNothing has a file that is in no module or repository.
func TestFindNothing(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, Name), "")
	t.Chdir(dir)
	if path, err := Find(dir); path != "" || err != nil {
		t.Errorf("%s, %v", path, err)
	}
}

func TestShorten(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for path, want := range map[string]string{
		filepath.Join(dir, "a", "b"): filepath.Join("a", "b"),
		filepath.Dir(dir):            filepath.Dir(dir),
		"a\nb":                       `"a\nb"`,
	} {
		if got := Shorten(path); got != want {
			t.Errorf("%q: %s, want %s", path, got, want)
		}
	}
}

// TestUnsearchable has files of which nobody can tell whether they are there.
func TestUnsearchable(t *testing.T) {
	for _, name := range []string{"go.mod", ".git", Name, ".config"} {
		root := t.TempDir()
		write(t, filepath.Join(root, ".git", "x"), "")
		write(t, filepath.Join(root, "a", "go.mod"), "")
		loop := filepath.Join(root, "a", name)
		os.Remove(loop)
		if err := os.Symlink(name, loop); err != nil {
			t.Fatal(err)
		}
		if name == ".config" {
			loop = filepath.Join(loop, Name)
		}
		want := loop + ": too many levels of symbolic links"
		if _, err := Find(filepath.Join(root, "a")); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestUnreadable has what is no file, and one that is too large.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	large := write(t, filepath.Join(dir, "large"), strings.Repeat("#", maxSize+1))
	for path, want := range map[string]string{
		dir:                           "is no regular file",
		filepath.Join(dir, "missing"): "no such file or directory",
		large:                         "is larger than 1 MiB",
	} {
		if _, err := Read(path); err == nil || err.Error() != path+": "+want {
			t.Errorf("%v, want %s: %s", err, path, want)
		}
	}
}

// FuzzRead wants one line about each file that is wrong, and of others every key
// with a place in the file.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"[profile.default]\na = 'x'\n", "profile.a = {b = [1, 'x'], c.d = 2}\n", "[profile]\n\"a\\u0062\".'c' = true\n",
		"[profile.a]\ninherits = 'b'\n[profile.b]\ninherits = 'a'\n", "[profile.a]\nb = \"\"\"\nx\\\n y\"\"\"\n", "[[a]]\n", "\xff", "a=\r\n",
		"[[override]]\ne = {A = 'x'}\n[override.f]\nb = 1\n[group.g]\nmax = 1\n", "profile.a.override = [{b = {c = 1}}, {}]\n", "[[profile.a.override]]\nb.c = 1\n",
	} {
		f.Add(text)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		path := write(t, filepath.Join(dir, Name), text)
		file, err := Read(path)
		if err != nil {
			if !strings.HasPrefix(err.Error(), path+":") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			return
		}
		lines := strings.Count(text, "\n") + 1
		settings := file.All()
		for _, o := range file.AllOverrides() {
			settings = append(settings, o.Settings...)
		}
		for _, g := range file.Groups() {
			settings = append(settings, g.Settings...)
		}
		for _, s := range settings {
			for _, at := range []Position{s.At, s.ValueAt} {
				if at.Line < 1 || at.Line > lines || at.Column < 1 {
					t.Errorf("%q: %s is at %v", text, s.Key, at)
				}
			}
			if (s.Kind == Other || s.Kind == Table) != (s.Values == nil) {
				t.Errorf("%q: %+v", text, s)
			}
		}
	})
}

// TestForeignLines reads a file as an editor of Windows writes it.
func TestForeignLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pgtest.toml")
	if err := os.WriteFile(path, []byte("\uFEFF[profile.default]\r\nformat = \"dots\"\r\n[profile.x]\r\ninherits = 3\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), ":4:12: ") {
		t.Errorf("%v", err)
	}
}
