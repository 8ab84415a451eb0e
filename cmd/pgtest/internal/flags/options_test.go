package flags

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgtest/harness/roles"
)

// TestVariables holds apart what variables are for: those of flags, which a user
// may set, and those by which the parts of a run find each other.
func TestVariables(t *testing.T) {
	for _, r := range newSet(new(Options)).rows {
		if slices.Contains(roles.Variables, r.Variable()) {
			t.Errorf("--%s has an internal variable", r.Name)
		}
		if named := r.Takes == "path"; named != r.output {
			t.Errorf("--%s: by its name an output: %t, by its type: %t", r.Name, named, r.output)
		}
	}
	for _, name := range roles.Variables {
		if strings.HasPrefix(name, environmentPrefix) {
			t.Errorf("%s could be a flag's", name)
		}
	}
	env := WithoutOutputs([]string{"A=1", "PGTEST_JSONFILE=x", "PGTEST_FORMAT=dots", "PGTEST_JUNITFILE=y", "GOTESTSUM_JSONFILE=v", "GOTESTSUM_FORMAT=w", "PGTEST_POST_RUN_COMMAND=x", "PGTEST_JUNITFILE_PROJECT_NAME=z"})
	if got, want := strings.Join(env, " "), "A=1 PGTEST_FORMAT=dots GOTESTSUM_FORMAT=w PGTEST_JUNITFILE_PROJECT_NAME=z"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestGotestsumVariables has variables of gotestsum below ours, and flags above
// both.
func TestGotestsumVariables(t *testing.T) {
	t.Setenv("GOFLAGS", "")
	for _, tt := range []struct{ env, line, want string }{
		{"", "", " false"},
		{"GOTESTSUM_FORMAT=dots", "", "dots false"},
		{"GOTESTSUM_FORMAT=dots PGTEST_FORMAT=testname", "", "testname false"},
		{"GOTESTSUM_FORMAT=dots PGTEST_FORMAT=testname", "--format=none", "none false"},
		{"GOTESTSUM_JUNIT_HIDE_EMPTY_PKG=yes", "", " true"},
		{"GOTESTSUM_JUNIT_HIDE_EMPTY_PKG=TRUE", "", " true"},
		{"GOTESTSUM_JUNIT_HIDE_EMPTY_PKG=y", "", " false"},
		{"GOTESTSUM_JUNIT_HIDE_EMPTY_PKG=1 PGTEST_JUNITFILE_HIDE_EMPTY_PKG=0", "", " false"},
		{"GOTESTSUM_JUNIT_HIDE_EMPTY_PKG=1", "--junitfile-hide-empty-pkg=false", " false"},
	} {
		t.Run(tt.env+tt.line, func(t *testing.T) {
			for _, v := range strings.Fields(tt.env) {
				name, value, _ := strings.Cut(v, "=")
				t.Setenv(name, value)
			}
			c, err := Parse(strings.Fields(tt.line), false)
			if got := fmt.Sprint(c.Format, " ", c.JUnit.HideEmpty); err != nil || got != tt.want {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
		})
	}
	t.Setenv("GOTESTSUM_FORMAT", "nosuch")
	if _, err := Parse(nil, true); !isLineOf(err, "GOTESTSUM_FORMAT", true) {
		t.Errorf("a bad value: %v", err)
	}
}

// TestLists has flags that may be given several times, under two names, and those
// that say what another flag says.
func TestLists(t *testing.T) {
	t.Setenv("GOFLAGS", "")
	t.Setenv("PGTEST_HIDE_SUMMARY", "errors")
	for line, want := range map[string]string{
		"":                       "skipped,failed,output auto  []",
		"--hide-summary=skipped": "failed,errors,output auto  []",
		"--hide-summary=skipped --no-summary=failed,skipped --hide-summary=": "errors,output auto  []",
		"--hide-summary=all":                       "none auto  []",
		"--no-color":                               "skipped,failed,output never  []",
		"--no-color=false":                         "skipped,failed,output always  []",
		"--no-color --color=auto":                  "skipped,failed,output auto  []",
		"--format-hivis":                           "skipped,failed,output auto hivis []",
		"--format-icons=text --format-hivis=false": "skipped,failed,output auto text []",
		"--packages=./a --packages=":               "skipped,failed,output auto  [./a]",
		"--packages=./a --packages=./b":            "skipped,failed,output auto  [./a ./b]",
	} {
		c, err := Parse(strings.Fields(line), false)
		if got := fmt.Sprintf("%v %s %s %v", c.Summary, c.Color, c.Icons, c.Packages); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", line, got, err, want)
		}
	}
}
