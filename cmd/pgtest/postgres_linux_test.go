package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"pgtest/harness/harnesstest"
	"pgtest/harness/harnesstest/race"
)

// TestPostgres runs the module of the docs, in which a setup starts a real server.
func TestPostgres(t *testing.T) {
	if race.Enabled {
		t.Skip("it shows no race: the server takes the time")
	}
	t.Parallel()
	for _, program := range []string{"psql", "setpriv", "setsid"} {
		harnesstest.Need(t, program)
	}
	cmd := exec.Command(pgtestPath, "--format=standard-verbose", "--config=pgtest.toml", "-count=1", "./...")
	cmd.Dir = filepath.Join("..", "..", "docs", "postgres")
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var servers []string
	for _, match := range regexp.MustCompile(`database test_[01] at (/tmp/postgres\.\w+)`).FindAllSubmatch(out, -1) {
		servers = append(servers, string(match[1]))
	}
	if len(servers) != 2 || len(slices.Compact(servers)) != 1 {
		t.Fatalf("not one server for two packages: %q\n%s", servers, out)
	}
	if _, err := os.Stat(servers[0]); err == nil {
		t.Errorf("%s is left", servers[0])
	}
}
