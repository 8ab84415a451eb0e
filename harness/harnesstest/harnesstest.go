// Package harnesstest builds what tests of the whole program need. It is for
// tests alone.
package harnesstest

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// BuildPgtest builds the pgtest command into dir and returns its path. The
// caller owns dir. It must run in a directory of this module.
func BuildPgtest(dir string) (string, error) {
	path := filepath.Join(dir, "pgtest")
	build := exec.Command("go", "build", "-o", path, "pgtest/cmd/pgtest")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// Programs are the programs that tests use besides the go command.
var programs = []string{"bash", "chromium", "dash", "fish", "git", "less", "make", "mandoc", "munged", "psql", "sbatch", "setpriv", "slurmctld", "slurmd", "tmux", "xmllint", "zsh"}

// RequirePrograms returns an error if this is a CI run, where nothing may be
// skipped, and a program that some test uses is missing.
func RequirePrograms() error {
	if os.Getenv("CI") == "" {
		return nil
	}
	var missing []string
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing in CI: %s", strings.Join(missing, ", "))
	}
	return nil
}

// Need ends a test, as Missing does, if a program is not installed.
func Need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		Missing(t, "%s is not installed", program)
	}
}

// Missing ends a test because the machine lacks something that the test needs.
// The test is skipped, or fails in a CI run, where nothing may be missing. The
// arguments are those of fmt.Sprintf.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// WriteModule makes a module for tests in dir: files holds contents by path,
// and a go.mod is added to them.
func WriteModule(dir string, files map[string]string) error {
	contents := map[string]string{"go.mod": "module example.com/m\n\ngo 1.24\n"}
	maps.Copy(contents, files)
	for name, content := range contents {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			return err
		}
	}
	return nil
}
