package harnesstest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// OwnHome makes a home directory in dir for this process and all that it
// starts, so that tests write nothing into the user's, and hides the CI system
// that they run in. The go command keeps its caches and settings. Packages are
// tested in the order of the command line, however long they took before.
func OwnHome(dir string) error {
	for _, name := range []string{"GOCACHE", "GOENV", "GOMODCACHE", "GOPATH"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			return fmt.Errorf("go env %s: %w", name, err)
		}
		os.Setenv(name, strings.TrimSpace(string(out)))
	}
	for _, name := range []string{"GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITLAB_CI", "BUILDKITE", "TEAMCITY_VERSION", "TF_BUILD", "PGTEST_CI"} {
		os.Unsetenv(name) // a run writes for the CI system that it is in
	}
	for _, name := range []string{"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"} {
		os.Unsetenv(name)
	}
	home, err := MakeHome(dir)
	if err != nil {
		return err
	}
	os.Setenv("PGTEST_ORDER", "source")
	return os.Setenv("HOME", home)
}

// MakeHome makes a home directory in dir and returns its path. The go command
// collects no telemetry there: it would do so by a process that outlives it,
// and so writes into a directory that is being removed.
func MakeHome(dir string) (string, error) {
	home := filepath.Join(dir, ".home")
	for _, config := range []string{".config", "Library/Application Support"} { // Unix, macOS
		telemetry := filepath.Join(home, config, "go", "telemetry")
		if err := os.MkdirAll(telemetry, 0o777); err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(telemetry, "mode"), []byte("off"), 0o666); err != nil {
			return "", err
		}
	}
	return home, nil
}
