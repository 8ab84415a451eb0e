package flags

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgtest/cmd/pgtest/internal/config"
)

// TestPrintOverrides prints what holds for a package and a test, and where it
// stands.
func TestPrintOverrides(t *testing.T) {
	inProject(t, map[string]string{"db/a.go": "package db", "x/a.go": "package x", "x/y/a.go": "package y", "nested/go.mod": "module n\n", "go.work": "use .\nuse ./nested\n", "nested/b/a.go": "package b", config.Name: `[profile.default]
slow-after = "5s"
[[override]]
packages = "./db/..."
timeout = "10m"
retries = { count = 2, delay = "1s" }
isolate = "test"
environment = { URL = "a\nb\tc" }
[[override]]
packages = ["m/db", "m/x/y"]
tests = "TestSlow/x|TestBig"
timeout = "1h"
retries = 5
group = "db"
weight = 2
quarantine = "2027-01-31 broken"
[[profile.ci.override]]
leaks = "fail"
procs = 3
[group.db]
max = 2
[setup.start]
command = "start\tit"
packages = "./db"
[[override]]
packages = "n/b"
weight = 7
group = ""
`})
	for _, tt := range []struct{ words, want string }{
		{"./x", "timeout default|slow-after 5s pgtest.toml:2:1|retries default|retries.delay default|group default|weight default|quarantine default|isolate package default|procs default|leaks warn default"},
		{"m/db", "timeout 10m0s pgtest.toml:5:1|slow-after 5s pgtest.toml:2:1|retries 2 pgtest.toml:6:13|retries.delay 1s pgtest.toml:6:24|group default|weight default|quarantine default|isolate test pgtest.toml:7:1|procs default|leaks warn default|environment.URL a b c pgtest.toml:8:17|setup.start sh -c start it pgtest.toml:22:8"},
		{"./db TestSlow", "timeout 10m0s pgtest.toml:5:1|retries 2 pgtest.toml:6:13"},
		{"./db TestSlow/xy", "timeout 1h0m0s pgtest.toml:12:1|retries 5 pgtest.toml:13:1|retries.delay 1s pgtest.toml:6:24|group db pgtest.toml:14:1|weight 2 pgtest.toml:15:1|quarantine 2027-01-31 broken pgtest.toml:16:1"},
		{"./x/y TestBigger", "timeout 1h0m0s pgtest.toml:12:1|retries.delay default"},
		{"--test-timeout=3s --rerun-fails=1 --isolate=package ./db TestBig", "timeout 3s --test-timeout|retries 1 --rerun-fails|retries.delay 1s pgtest.toml:6:24|isolate package --isolate"},
		{"./nested/b", "weight 7 pgtest.toml:27:1"},
		{"--profile=ci ./x", "procs 3 pgtest.toml:19:1|leaks fail pgtest.toml:18:1"},
		{"--profile=ci --leaks=ignore ./x", "leaks ignore --leaks"},
	} {
		c, err := Parse(strings.Fields(tt.words), false)
		if err != nil {
			t.Fatal(err)
		}
		pkg, test, err := c.Shown()
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := c.PrintOverrides(&b, pkg, test); err != nil {
			t.Fatal(err)
		}
		got := "|" + strings.ReplaceAll(regexp.MustCompile(` +`).ReplaceAllString(b.String(), " "), "\n", "|")
		for _, want := range strings.Split(tt.want, "|") {
			if !strings.Contains(got, "|"+want+"|") {
				t.Errorf("%s: no %s in\n%s", tt.words, want, b.String())
			}
		}
		if strings.Contains(tt.want, "timeout default") && strings.Count(got, "|") != strings.Count(tt.want, "|")+2 {
			t.Errorf("%s: more than\n%s", tt.words, tt.want)
		}
	}
}

// TestShowNoPackage has what is none, or not one.
func TestShowNoPackage(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "a.go"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for pkg, want := range map[string]string{
		"./...":   "./...: is a pattern, and no package",
		"./tabel": "./tabel matches no package: there is no directory ./tabel; did you mean ./table?",
		"m/tabel": "m/tabel matches no package: there is no directory ./tabel; did you mean ./table?",
		"table":   `table matches no package of m`,
		outside:   outside + ": is in no module",
	} {
		inProject(t, map[string]string{"table/a.go": "package table"})
		c, err := Parse([]string{pkg}, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.PrintOverrides(new(bytes.Buffer), pkg, ""); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestBadSetups has a line for each setup that can't be meant.
func TestBadSetups(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 `1:8: setup db: command is missing`,
		"comand = 'x'":                     `2:1: unknown key "comand"; did you mean "command"?`,
		"timeout = '1s'":                   `2:1: unknown key "timeout": a setup has command, packages`,
		"command = 3":                      `2:11: command: must be a string or an array of strings`,
		"command = []":                     `2:1: command: there is none`,
		"command = ''":                     `2:11: command: there is none`,
		"command = \"a\\u0000\"":           `2:11: command: has a zero byte`,
		"command = 'x'\npackages = []":     `3:1: packages: there are none`,
		"command = 'x'\npackages = './no'": `3:12: packages: ./no matches no package: there is no directory ./no`,
	} {
		inProject(t, map[string]string{"a.go": "package m", config.Name: "[setup.db]\n" + text})
		if _, err := Parse(nil, false); err == nil || err.Error() != config.Name+":"+want {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
	}
}

// TestSetups has commands as words and as a text, and names that can't be.
func TestSetups(t *testing.T) {
	inProject(t, map[string]string{"a.go": "package m", config.Name: "[setup.a]\ncommand = ['x', '']\n[setup.b]\ncommand = 'x y'\n"})
	c, err := Parse(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%q %q", c.Setups[0].Command, c.Setups[1].Command); got != `["x" ""] ["sh" "-c" "x y"]` {
		t.Error(got)
	}
	for _, name := range []string{"", "a b", "a/b", "a\tb"} {
		inProject(t, map[string]string{"a.go": "package m", config.Name: fmt.Sprintf("[setup.%q]\ncommand = 'x'\n", name)})
		want := fmt.Sprintf("pgtest.toml:1:8: setup: %q can't be the name of one: it must be without spaces and slashes", name)
		if _, err := Parse(nil, false); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestShown has words that tool config show takes, and others.
func TestShown(t *testing.T) {
	inProject(t, map[string]string{})
	for words, want := range map[string]string{"": ` `, "./a": "./a ", "./a TestA": "./a TestA", "./a TestA x": "usage", "-v": "usage", "./a -v": "usage"} {
		c, err := Parse(strings.Fields(words), false)
		if err != nil {
			t.Fatal(err)
		}
		pkg, test, err := c.Shown()
		got := pkg + " " + test
		if err == errShowUsage {
			got = "usage"
		}
		if got != want {
			t.Errorf("%q: %q, %v", words, got, err)
		}
	}
}

// TestBadOverrides has a line for each override that can't be meant.
func TestBadOverrides(t *testing.T) {
	for text, want := range map[string]string{
		"timeot = '1s'":                        `2:1: unknown key "timeot"; did you mean "timeout"?`,
		"slow_after = '1s'":                    `2:1: unknown key "slow_after"; did you mean "slow-after"?`,
		"format = 'dots'":                      `2:1: unknown key "format": an override has packages, tests, environment, timeout, slow-after, retries, group, weight, quarantine, isolate, procs, leaks`,
		"timeout = 3":                          `2:11: timeout: must be a string`,
		"timeout = '3'":                        `2:11: timeout: bad value "3": must be a duration such as 10s or 1m30s`,
		"timeout = '-3s'":                      `2:11: timeout: bad value "-3s": must not be negative`,
		"timeout = {a = 1}":                    `2:11: timeout: must be a string`,
		"slow-after = true":                    `2:14: slow-after: must be a string`,
		"retries = '2'":                        `2:11: retries: must be a whole number or a table`,
		"retries = -1":                         `2:11: retries: bad value "-1": must be 0 or a positive number`,
		"retries = {}":                         `2:1: retries: count is missing`,
		"retries = {delay = '1s'}":             `2:1: retries: count is missing`,
		"retries.delay = '1s'":                 `2:9: retries: count is missing`,
		"retries = {cuont = 1}":                `2:12: unknown key "retries.cuont"; did you mean "retries.count"?`,
		"retries = {count = 1, delay = 1}":     `2:31: retries.delay: must be a string`,
		"isolate = true":                       `2:11: isolate: must be a string`,
		"isolate = 'tests'":                    `2:11: isolate: unknown value "tests": must be one of test, package`,
		"procs = 0":                            `2:9: procs: bad value "0": must be a positive number`,
		"weight = 1.5":                         `2:10: weight: must be a whole number`,
		"leaks = 'warm'":                       `2:9: leaks: unknown value "warm": must be one of warn, fail, ignore`,
		"group = 'bd'":                         `2:9: group: unknown group "bd"; did you mean "db"?`,
		"group = 'other'":                      `2:9: group: unknown group "other": there is no [group.other]`,
		"quarantine = 2027-01-31":              `quarantine: must be a string`,
		"quarantine = '2027-01-31'":            `2:14: quarantine: bad value "2027-01-31": must be a day and a reason, as "2027-01-31 https://…"`,
		"quarantine = '2027-13-31 x'":          `2:14: quarantine: bad value "2027-13-31 x": must be a day and a reason, as "2027-01-31 https://…"`,
		"environment = 'A=b'":                  `2:15: environment: must be a table of strings`,
		"environment = {A = 1}":                `2:20: environment: A must be a string`,
		"environment = {'A=b' = 'c'}":          `2:16: environment: "A=b" can't be the name of a variable`,
		"environment = {\"A\\nB\" = 1}":        `2:16: environment: "A\nB" can't be the name of a variable`,
		"environment = {A = \"a\\u0000\"}":     `2:20: environment: A has a zero byte`,
		"environment = {PGTEST_SLOT = '1'}":    `2:16: environment: PGTEST_SLOT is set by pgtest`,
		"environment = {_PGTEST_RUN = '1'}":    `2:16: environment: _PGTEST_RUN is set by pgtest`,
		"packages.a = './adm'\nprocs = 1":      `2:10: unknown key "packages.a"`,
		"tests.a = 'TestA'\nretries = 1":       `2:7: unknown key "tests.a"`,
		"packages = 'x'":                       `2:12: packages: x matches no package of m`,
		"packages = './ad'\nprocs = 1":         `2:12: packages: ./ad matches no package: there is no directory ./ad; did you mean ./adm?`,
		"packages = ['./adm']\nprocs = 1":      `2:13: packages: ./adm matches no package`,
		"packages = './data/...'\nprocs = 1":   `2:12: packages: ./data/... matches no package`,
		"packages = ['./.../z']\nprocs = 1":    `2:13: packages: ./.../z matches no package`,
		"packages = 'm/none/...'\nprocs = 1":   `2:12: packages: m/none/... matches no package: there is no directory ./none`,
		"packages = ''\nprocs = 1":             `2:12: packages: a pattern is missing`,
		"packages = []\nprocs = 1":             `2:1: packages: there are none`,
		"packages = 3\nprocs = 1":              `2:12: packages: must be a string or an array of strings`,
		"tests = 'Test('\nretries = 1":         "2:9: tests: error parsing regexp: missing closing ): `Test(`",
		"tests = 'TestA/[z-a]'\nretries = 1":   "2:9: tests: error parsing regexp: invalid character class range: `z-a`",
		"tests = ['TestA']\nretries = 1":       `2:1: tests: must be a string: a pattern as for -run`,
		"tests = 'TestA'\nprocs = 1":           `3:1: procs: is for whole packages, not together with tests`,
		"environment.A = 'x'\ntests = 'TestA'": `2:13: environment: is for whole packages, not together with tests`,
		"packages = './...'":                   `1:17: override: sets nothing`,
		"tests = 'TestA'":                      `1:17: override: sets nothing`,
		"retries = 1\n[group]\nx = {}":         `4:1: group x: max is missing`,
		"retries = 1\n[group.'']\nmax = 1":     `3:8: group: "" can't be the name of one`,
		"retries = 1\n[group.\"a\\nb\"]":       `3:8: group: "a\nb" can't be the name of one`,
		"retries = 1\n[group.x]":               `3:8: group x: max is missing`,
		"retries = 1\n[group.x]\nmax = '1'":    `4:7: max: must be a whole number`,
		"retries = 1\n[group.x]\nmax = 0":      `4:7: max: bad value "0": must be a positive number`,
		"retries = 1\n[group.x]\nmxa = 1":      `4:1: unknown key "mxa"; did you mean "max"?`,
		"retries = 1\n[group.x]\nsize = 1":     `4:1: unknown key "size": a group has max`,
	} {
		inProject(t, map[string]string{"a.go": "package m", "adm/README": "", "data/testdata/a.go": "", "data/_b/b.go": "", "data/.c/c.go": "", config.Name: "[[profile.other.override]]\n" + text + "\n[group.db]\nmax = 1\n"})
		_, err := Parse(nil, false)
		if err == nil || !strings.HasPrefix(err.Error(), config.Name+":") || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
	}
}

// FuzzOverrides wants one line about each file that is wrong, and of others rules for
// all overrides.
func FuzzOverrides(f *testing.F) {
	for _, text := range []string{
		"[[override]]\npackages = './...'\ntests = 'TestA/b|C'\ntimeout = '1s'\nretries = {count = 1, delay = '1s'}\n",
		"override = [{environment = {A = 'b'}}, {quarantine = '2027-01-31 x'}]\n", "[[override]]\nretries = 1\n[override.retries]\n",
		"[group.g]\nmax = 1\n[[profile.ci.override]]\ngroup = 'g'\nweight = 2\n", "[[override]]\npackages = ['m', '...x/..']\nleaks = 'warn'\n",
		"[[override]]\ntests = '('\nprocs = 1\n", "[[override]]\nenvironment.'' = 'x'\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		inProject(t, map[string]string{config.Name: text, "a.go": "package m"})
		c, err := Parse(nil, false)
		if err != nil {
			if text := err.Error(); !strings.HasPrefix(text, config.Name+":") || strings.Contains(text, "\n") {
				t.Errorf("%q", text)
			}
			return
		}
		file, err := config.Read(config.Name)
		if err != nil || len(file.AllOverrides()) != len(c.files.all) {
			t.Errorf("%q: %d overrides are %d rules, %v", text, len(file.AllOverrides()), len(c.files.all), err)
		}
	})
}

// TestPatterns resolves patterns of packages in a module, in a workspace, and in a
// repository with modules.
func TestPatterns(t *testing.T) {
	t.Setenv("GOWORK", "")
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"goroot/go.mod": "module std\n", "goroot/fmt/a.go": "",
		"one/go.mod": "module example.com/one\n", "one/a.go": "", "one/db/x/a.go": "", "one/nested/go.mod": "module example.com/nested\n", "one/nested/b/b.go": "",
		"repo/a/go.mod": "module example.com/a\n", "repo/a/p/a.go": "", "repo/b/go.mod": "module example.com/b", "repo/b/b.go": "",
		"work/go.work": "go 1.24\nuse (\n\t./a // first\n\t\"./b\"\n)\nuse ./c\n", "work/a/go.mod": "module example.com/wa", "work/a/a.go": "",
		"work/b/go.mod": "module example.com/wb", "work/b/b.go": "", "work/c/go.mod": "module example.com/wc", "work/c/c.go": "",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("db", filepath.Join(root, "one", "link")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ file, wd, pattern, want string }{
		{"one/db", "one", "..", "example.com/one"},
		{"goroot", "goroot", "./fmt", "fmt"},
		{"goroot", "goroot", "./...", "..."},
		{"work", "work", "./...", "example.com/wa/... example.com/wb/... example.com/wc/..."},
		{"one", "one", "./link/x", "example.com/one/link/x"},
		{"one", "one", "./link/...", "example.com/one/link/..."},
		{"one", "one", "./...", "example.com/one/..."},
		{"one", "one/db", ".", "example.com/one"},
		{"one", "one", "./db/x", "example.com/one/db/x"},
		{"one", "one", "./d.../x", "example.com/one/d.../x"},
		{"one", "one", "./nested/b", "example.com/one/nested/b example.com/nested/b"},
		{"one", "one", "./nested/...", "example.com/one/nested/... example.com/nested/..."},
		{"one", "one/nested", "./...", "example.com/one/... example.com/nested/..."},
		{"one", "one", "example.com/one/db/...", "example.com/one/db/..."},
		{"one", "one", "example.com/...", "example.com/..."},
		{"one", "one", "...", "..."},
		{"one", "one", ".../x", ".../x"},
		{"one", "one", "exampel.com/one/...", `exampel.com/one/... matches no package of example.com/one; did you mean "example.com/one/..."?`},
		{"one", "one", "../repo/a/p", "example.com/a/p"},
		{"one", "one", root + "/one/db/...", "example.com/one/db/..."},
		{"repo", "repo/a", "./a/...", "example.com/a/..."},
		{"repo", "repo/a", "./b/...", "example.com/b/..."},
		{"repo", "repo/a", "./...", "example.com/a/..."},
		{"repo", "repo/a", "example.com/b", "example.com/b"},
		{"repo", "repo", "./c", "./c matches no package: there is no directory ./c"},
		{"work", "work/a", "./...", "example.com/wa/... example.com/wb/... example.com/wc/..."},
		{"work", "work", "./c", "example.com/wc"},
		{"work/a", "work/a", "example.com/wb", "example.com/wb"},
	} {
		t.Chdir(filepath.Join(root, tt.wd))
		m, err := modulesAround(filepath.Join(root, tt.file))
		if err != nil {
			t.Fatal(err)
		}
		patterns, err := m.resolve(tt.pattern)
		got := strings.Join(patterns, " ")
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s of %s in %s: %s, want %s", tt.pattern, tt.file, tt.wd, got, tt.want)
		}
		m.absent = true
		none := tt.file == tt.wd && tt.file == "repo"
		if _, err := m.resolve(tt.pattern); (err != nil) != none {
			t.Errorf("%s without sources: %v", tt.pattern, err)
		}
	}
}
