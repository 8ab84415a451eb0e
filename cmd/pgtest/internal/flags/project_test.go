package flags

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"pgtest/cmd/pgtest/internal/config"
)

// TestProject adds overrides to files, which stay as they are otherwise.
func TestProject(t *testing.T) {
	const added = "\n[[override]]\npackages = 'm/db'\ntests = '^TestA$/^it\\.s$'\nquarantine = '2027-01-31 flaky'\n"
	for _, tt := range []struct{ before, after string }{
		{"", strings.TrimPrefix(added, "\n")},
		{"# none\n", "# none\n" + added},
		{"[profile.ci]\r\nslowest = 3 # no end", "[profile.ci]\r\nslowest = 3 # no end\n" + added},
		{"[[override]]\nretries = 1\n[override.environment]\nA = 'b'\n", "[[override]]\nretries = 1\n[override.environment]\nA = 'b'\n" + added},
		{"override = [{retries = 1}]\n", "nothing is added, because with [[override]] at its end: pgtest.toml:3:3: "},
		{"[[profile.ci.override]]\npackages = './db'\ntests = 'TestA'\nquarantine = '2001-01-01 long ago'\n", "2001-01-01 long ago (pgtest.toml:4:1)"},
	} {
		files := map[string]string{"db/a.go": "package db", config.Name: tt.before}
		if tt.before == "" {
			delete(files, config.Name)
		}
		inProject(t, files)
		p, err := OpenProject()
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Quarantine("m/db", "TestA/it.s")
		if err == nil && got == "" {
			p.AddQuarantine("m/db", "TestA/it.s", "2027-01-31 flaky")
			if err = p.Write(); err == nil {
				text, _ := os.ReadFile(config.Name)
				got = string(text)
				if p, err = OpenProject(); err == nil {
					if again, _ := p.Quarantine("m/db", "TestA/it.s"); !strings.HasPrefix(again, "2027-01-31 flaky (pgtest.toml:") {
						t.Errorf("%q: then it is %q", tt.before, again)
					}
				}
			}
		}
		if err != nil {
			got = err.Error()
		}
		if got != tt.after && !(err != nil && strings.HasPrefix(got, tt.after)) {
			t.Errorf("%q: %q\nwant %q", tt.before, got, tt.after)
		}
		if _, err := p.Quarantine("m/gone", "TestA"); err == nil {
			t.Error("a package that is gone can be added")
		}
	}
	for s, want := range map[string]string{`a\b"c`: `'a\b"c'`, "it's\t\"x\\": `"it's\t\"x\\"`, "a\x7f": `"a\u007f"`, "\xff": `"` + "\uFFFD" + `"`} {
		if got := quoted(s); got != want {
			t.Errorf("%q is written as %s", s, got)
		}
	}
}

// TestNoProject has no file to which anything could be added, and one to which nothing
// is.
func TestNoProject(t *testing.T) {
	inProject(t, map[string]string{"a.go": "package m"})
	p, err := OpenProject()
	if err == nil {
		err = p.Write()
	}
	if _, missing := os.Stat(config.Name); err != nil || missing == nil {
		t.Errorf("a file is made for nothing (%v)", err)
	}
	const want = "there is no pgtest.toml, and no module in whose root it could be"
	t.Setenv("PGTEST_CONFIG", "off")
	if _, err := OpenProject(); err == nil || err.Error() != want {
		t.Errorf("with PGTEST_CONFIG=off: %v", err)
	}
	t.Setenv("PGTEST_CONFIG", "")
	t.Chdir(t.TempDir())
	if _, err := OpenProject(); err == nil || err.Error() != want {
		t.Errorf("without a module: %v", err)
	}
}

// TestProjectFull adds to files for which there is no room. They stay as they are. The
// limit is for a process of its own, which writes no log of what it reads.
func TestProjectFull(t *testing.T) {
	if os.Getenv("PROJECT_FULL") == "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(self, "-test.run=^TestProjectFull$")
		cmd.Env = append(os.Environ(), "PROJECT_FULL=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "[profile.ci]\nslowest = 3\n"} {
		files := map[string]string{"a.go": "package m"}
		if text != "" {
			files[config.Name] = text
		}
		dir := inProject(t, files)
		was, _ := os.ReadDir(dir)
		p, err := OpenProject()
		if err != nil {
			t.Fatal(err)
		}
		p.AddQuarantine("m", "TestA", "2027-01-31 flaky")
		limit := syscall.Rlimit{Cur: 40, Max: before.Max}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		err = p.Write()
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
		if err == nil || err.Error() != config.Name+": file too large" {
			t.Errorf("%v", err)
		}
		if got, _ := os.ReadFile(config.Name); string(got) != text {
			t.Errorf("%q became %q", text, got)
		}
		if is, _ := os.ReadDir(dir); len(is) != len(was) {
			t.Errorf("%v is left", is)
		}
	}
}
