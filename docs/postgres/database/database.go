// Package database gives each test process a database of its own.
package database

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Open makes an empty database that no other test process of the run uses: its name
// has the slot. It returns a function that runs SQL there.
func Open(t *testing.T) func(sql string) string {
	name := "test_" + os.Getenv("PGTEST_SLOT")
	t.Logf("database %s at %s", name, os.Getenv("PGHOST"))
	run(t, "postgres", "DROP DATABASE IF EXISTS "+name)
	run(t, "postgres", "CREATE DATABASE "+name)
	return func(sql string) string { return run(t, name, sql) }
}

func run(t *testing.T, database, sql string) string {
	t.Helper()
	out, err := exec.Command("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1",
		"--dbname="+database, "--command="+sql).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", sql, err, out)
	}
	return strings.TrimSpace(string(out))
}
