package main

import (
	"flag"
	"slices"
	"strings"
	"testing"

	"pgtest/harness/control"
)

// TestVariables holds apart what variables are for: those of flags, which a user
// may set, and those by which the parts of a run find each other.
func TestVariables(t *testing.T) {
	f, _ := newFlagSet()
	f.VisitAll(func(fl *flag.Flag) {
		if slices.Contains([]string{control.SocketVariable, control.TempVariable}, variableOf(fl)) {
			t.Errorf("--%s has an internal variable", fl.Name)
		}
		_, output := fl.Value.(*outputPath)
		if named := strings.HasSuffix(fl.Name, "file"); named != output {
			t.Errorf("--%s: by its name an output: %t, by its type: %t", fl.Name, named, output)
		}
	})
	for _, name := range []string{control.SocketVariable, control.TempVariable} {
		if strings.HasPrefix(name, environmentPrefix) {
			t.Errorf("%s could be a flag's", name)
		}
	}
	env := withoutOutputs([]string{"A=1", "PGTEST_JSONFILE=x", "PGTEST_FORMAT=dots", "PGTEST_JUNITFILE=y", "PGTEST_JUNITFILE_PROJECT_NAME=z"})
	if got, want := strings.Join(env, " "), "A=1 PGTEST_FORMAT=dots PGTEST_JUNITFILE_PROJECT_NAME=z"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
