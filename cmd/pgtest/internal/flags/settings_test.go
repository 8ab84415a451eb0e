package flags

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgtest/cmd/pgtest/internal/config"
)

// inProject makes a project with files, and enters it.
func inProject(t *testing.T, files map[string]string) string {
	t.Helper()
	t.Setenv("GOFLAGS", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(t.TempDir(), "config"))
	dir := t.TempDir()
	files["go.mod"] = "module m\n"
	for name, text := range files {
		path := filepath.Join(dir, name)
		if name == "user" {
			home, err := os.UserConfigDir()
			if err != nil {
				t.Fatal(err)
			}
			path = filepath.Join(home, "pgtest", config.Name)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

// TestSettings has what holds over what, or the line about what is wrong.
func TestSettings(t *testing.T) {
	const project = "[profile.default]\nformat = 'testname'\nslowest = 3\njunitfile = 'out/j.xml'\nhide-summary = ['skipped', 'failed']\nrerun-fails = true\n" +
		"[profile.ci]\nformat = 'dots'\ngrace = '5s'\n"
	for _, tt := range []struct{ user, env, line, want string }{
		{"", "", "", "testname 3 errors,output 2 10s"},
		{"", "", "--profile=ci", "dots 3 errors,output 2 5s"},
		{"", "PGTEST_PROFILE=ci", "", "dots 3 errors,output 2 5s"},
		{"", "PGTEST_PROFILE=ci", "--profile=default", "testname 3 errors,output 2 10s"},
		{"", "PGTEST_FORMAT=none", "--profile ci", "none 3 errors,output 2 5s"},
		{"", "GOTESTSUM_FORMAT=none", "--slowest=1", "none 1 errors,output 2 10s"},
		{"", "PGTEST_FORMAT=none", "--format=dots-v2 --hide-summary=output", "dots-v2 3 skipped,failed,errors 2 10s"},
		{"[profile.default]\nformat = 'none'\ncolor = 'never'\n", "", "", "testname 3 errors,output 2 10s"},
		{"[profile.default]\nslowest = 7\n", "", "--config=off", " 0 skipped,failed,errors,output 0 10s"},
		{"[profile.default]\nslowest = 7\n", "", "--config=other.toml", " 7 skipped,failed,errors,output 0 1s"},
		{"", "PGTEST_CONFIG=other.toml", "", " 0 skipped,failed,errors,output 0 1s"},
		{"", "", "--profile=cj", `--profile: no profile "cj" in pgtest.toml; did you mean "ci"?`},
		{"", "", "--profile=x --config=off", `--profile: not with --config=off`},
		{"", "", "--config=none.toml", `--config: none.toml: no such file or directory`},
		{"[profile.ci]\nslowest = 7\n", "", "--profile=ci", `USER:1:10: profile "ci": for all projects there is default alone`},
		{"[profile.default]\nslowest = 7\n[[override]]\nretries = 1\n", "", "", `USER:3:3: override: only how things are shown can be set for all projects`},
		{"[group.a]\nmax = 1\n", "", "", `USER:1:8: group: only how things are shown can be set for all projects`},
		{"[setup.a]\ncommand = 'x'\n", "", "", `USER:1:8: setup: only how things are shown can be set for all projects`},
		{"[profile.default]\ngrace = '1s'\n", "", "", `USER:2:1: grace: only how things are shown can be set for all projects`},
	} {
		t.Run(tt.env+tt.line, func(t *testing.T) {
			files := map[string]string{config.Name: project, "other.toml": "[profile.default]\ngrace = '1s'\n"}
			if tt.user != "" {
				files["user"] = tt.user
			}
			inProject(t, files)
			if name, value, ok := strings.Cut(tt.env, "="); ok {
				t.Setenv(name, value)
			}
			c, err := Parse(strings.Fields(tt.line), false)
			got := fmt.Sprint(c.Format, " ", c.Slowest, " ", c.Summary, " ", c.Rerun.Attempts, " ", c.Grace)
			if err != nil {
				home, _ := os.UserConfigDir()
				got = strings.ReplaceAll(err.Error(), filepath.Join(home, "pgtest", config.Name), "USER")
			}
			if got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestNoDirectory runs in a directory that is gone.
func TestNoDirectory(t *testing.T) {
	dir := inProject(t, map[string]string{})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(nil, false); err == nil || !strings.HasPrefix(err.Error(), "working directory: ") {
		t.Error(err)
	}
}

// TestBadSettings has a line for each setting that no flag takes, in any profile.
func TestBadSettings(t *testing.T) {
	for text, want := range map[string]string{
		"formt = 'dots'":         `2:1: unknown key "formt"; did you mean "format"?`,
		"junit_file = 'x'":       `2:1: unknown key "junit_file"; did you mean "junitfile"?`,
		"run = 'TestX'":          `2:1: unknown key "run": keys are the names of pgtest's flags`,
		"format = 3":             `2:10: format: must be a string`,
		"format = 'dotz'":        `2:10: format: unknown format "dotz": must be one of dots, dots-v2, pkgname, pkgname-and-test-fails, testname, testdox, github-actions, teamcity, standard-quiet, standard-verbose, standard-json, none`,
		"color = 'blue'":         `2:9: color: unknown value "blue": must be one of auto, always, never`,
		"slowest = '3'":          `2:11: slowest: must be a whole number`,
		"slowest = -1":           `2:11: slowest: bad value "-1": must be 0 or a positive number`,
		"slowest = 1.5":          `2:11: slowest: must be a whole number`,
		"resources = 'true'":     `2:13: resources: must be true or false`,
		"rerun-fails = ['a']":    `rerun-fails: must be true or false or a whole number or a string`,
		"hide-summary = 'x'":     `2:16: hide-summary: `,
		"watch = true":           `2:1: watch: --watch is for the command line alone`,
		"no-color = true":        `2:1: no-color: --no-color is for the command line alone`,
		"profile = 'x'":          `2:1: profile: --profile is for the command line alone`,
		"help = true":            `2:1: help: --help is for the command line alone`,
		"grace = 10":             `2:9: grace: must be a string`,
		"link-cache-size = '1x'": `2:19: link-cache-size: `,
		"format.a = 'dots'":      `2:1: unknown key "format.a"; did you mean "format"?`,
	} {
		inProject(t, map[string]string{config.Name: "[profile.other]\n" + text + "\n"})
		_, err := Parse(nil, false)
		if err == nil || !strings.HasPrefix(err.Error(), config.Name+":") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
		if c, err := Parse([]string{"--version"}, false); err != nil || !c.Version {
			t.Errorf("%s: --version: %v", text, err)
		}
	}
}

// TestEachSetting sets every flag that can be set in a file, to a value that it
// takes, and finds it set by that.
func TestEachSetting(t *testing.T) {
	values := map[string]string{
		"coverage-min": "50%", "coverage-diff-min": "50%", "test-procs": "2", "package-procs": "2", "test-timeout": "1s", "stress": "3", "shard": "1/2",
		"link-cache-size": "1MiB", "max-fails": "3", "tracer": "env", "isolate": "test", "order": "source", "rerun-fails": "true",
	}
	for _, r := range newSet(new(Options)).rows {
		if !r.configurable() {
			continue
		}
		value := values[r.Name]
		for _, v := range append(slices.Clone(r.values), r.Default, "x") {
			if value == "" {
				value = v
			}
		}
		kinds := r.kinds()
		text := fmt.Sprintf("%q", value)
		if value == "true" || slices.Contains(kinds, config.Integer) && !slices.Contains(kinds, config.String) {
			text = value
		}
		dir := inProject(t, map[string]string{config.Name: "profile.default." + r.Name + " = " + text + "\n"})
		c, err := Parse(nil, false)
		got := c.from[r.Name]
		if r.output || r.Takes == "file" {
			value = filepath.Join(dir, value)
		}
		if err != nil || got.value != value || !strings.HasPrefix(got.where, config.Name+":1:") {
			t.Errorf("%s = %s: %+v, %v", r.Name, text, got, err)
		}
		var shown bytes.Buffer
		if c.PrintSettings(&shown); !strings.Contains(shown.String(), config.Name+":1:") {
			t.Errorf("%s is not shown as set", r.Name)
		}
	}
}

// TestFit has settings of files that go where words of the command line forbid
// them, and conflicts of which nobody can say what is meant.
func TestFit(t *testing.T) {
	for _, tt := range []struct{ project, env, line, want string }{
		{"rerun-fails = 2", "", "-", "0"},
		{"rerun-fails = 2", "", "./a", "2"},
		{"grace = '1s'", "", "--rerun-fails -", "--rerun-fails: not with -, which runs no tests"},
		{"rerun-fails = 2", "PGTEST_RERUN_FAILS=3", "-", "0"},
		{"stress = '2'", "PGTEST_RERUN_FAILS=3", "", "3"},
		{"", "PGTEST_RERUN_FAILS=3", "--stress=2", "0"},
		{"shard-plan = 'x'", "PGTEST_RERUN_FAILS=3", "", "3"},
		{"", "", "--shard-plan=x", "--shard-plan: needs --shard"},
		{"", "PGTEST_RERUN_FAILS=3", "--stress=2 --rerun-fails", "--stress: not with --rerun-fails, which is so"},
		{"", "PGTEST_RERUN_FAILS=3 PGTEST_STRESS=2", "", "PGTEST_STRESS: --stress: not with --rerun-fails, which is so"},
		{"rerun-fails = 2", "", "--stress=2", "0"},
		{"stress = '2'", "", "--rerun-fails", "2"},
		{"rerun-fails = 2\nstress = '2'", "", "", "pgtest.toml:3:1: --stress: not with --rerun-fails, which is so"},
	} {
		inProject(t, map[string]string{config.Name: "[profile.default]\n" + tt.project + "\n"})
		t.Setenv("PGTEST_RERUN_FAILS", "")
		t.Setenv("PGTEST_STRESS", "")
		for _, variable := range strings.Fields(tt.env) {
			name, value, _ := strings.Cut(variable, "=")
			t.Setenv(name, value)
		}
		c, err := Parse(strings.Fields(tt.line), false)
		if err != nil {
			t.Fatal(err)
		}
		c, err = c.Fit(func(c *CommandLine) error {
			switch {
			case c.Rerun.Attempts > 0 && c.ReadsInput():
				return &Conflict{Flag: "rerun-fails", With: "-, which runs no tests"}
			case c.ShardPlan != "" && c.Shard.Total == 0:
				return &Conflict{Flag: "shard-plan", Lack: "shard"}
			case c.Rerun.Attempts > 0 && c.Stress != nil:
				return &Conflict{Flag: "stress", With: "--rerun-fails, which is so"}
			}
			return nil
		})
		got := fmt.Sprint(c.Rerun.Attempts)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s, %s %s: %s, want %s", tt.project, tt.env, tt.line, got, tt.want)
		}
	}
}

// TestSchema compares docs/pgtest.schema.json with what Schema prints. With
// -update it writes it.
func TestSchema(t *testing.T) {
	var want bytes.Buffer
	if err := Schema(&want); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(filepath.Dir(docsPath), "pgtest.schema.json")
	if *update {
		if err := os.WriteFile(path, want.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("docs/pgtest.schema.json is not what the table says: write it with go test -run TestSchema -update (%v)", err)
	}
	var schema struct {
		Definitions struct {
			Profile struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(want.Bytes(), &schema); err != nil {
		t.Fatal(err)
	}
	for _, r := range newSet(new(Options)).rows {
		if _, has := schema.Definitions.Profile.Properties[r.Name]; has != r.configurable() {
			t.Errorf("%s is in the schema: %t", r.Name, has)
		}
	}
}
