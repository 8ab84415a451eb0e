package flags

import (
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
		if named := strings.HasSuffix(r.Name, "file") || strings.HasSuffix(r.Name, "report"); named != r.output {
			t.Errorf("--%s: by its name an output: %t, by its type: %t", r.Name, named, r.output)
		}
	}
	for _, name := range roles.Variables {
		if strings.HasPrefix(name, environmentPrefix) {
			t.Errorf("%s could be a flag's", name)
		}
	}
	env := WithoutOutputs([]string{"A=1", "PGTEST_JSONFILE=x", "PGTEST_FORMAT=dots", "PGTEST_JUNITFILE=y", "PGTEST_JUNITFILE_PROJECT_NAME=z"})
	if got, want := strings.Join(env, " "), "A=1 PGTEST_FORMAT=dots PGTEST_JUNITFILE_PROJECT_NAME=z"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
