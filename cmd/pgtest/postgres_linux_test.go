package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/harness/harnesstest"
	"pgtest/harness/harnesstest/race"
)

// postgres is a command that runs the module of the docs, in which a setup starts a
// real server, and a directory for temporary files that the server's user can enter.
func postgres(t *testing.T) (cmd *exec.Cmd, temp string) {
	if race.Enabled {
		t.Skip("it shows no race: the server takes the time")
	}
	t.Parallel()
	for _, program := range []string{"psql", "setpriv", "setsid", "unshare"} {
		harnesstest.Need(t, program)
	}
	temp = t.TempDir()
	if err := os.Chmod(filepath.Dir(temp), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(pgtestPath, "--format=standard-verbose", "--config=pgtest.toml", "-count=1", "./...")
	cmd.Dir = filepath.Join("..", "..", "docs", "postgres")
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off", "TMPDIR="+temp)
	return cmd, temp
}

func TestPostgres(t *testing.T) {
	cmd, temp := postgres(t)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var servers []string
	for _, match := range regexp.MustCompile(`database test_[01] at (\S+)`).FindAllSubmatch(out, -1) {
		servers = append(servers, string(match[1]))
	}
	if len(servers) != 2 || len(slices.Compact(servers)) != 1 {
		t.Fatalf("not one server for two packages: %q\n%s", servers, out)
	}
	wantEmpty(t, temp)
}

// TestPostgresInterrupted interrupts the run, more than once, while the server's files
// are made.
func TestPostgresInterrupted(t *testing.T) {
	cmd, temp := postgres(t)
	interrupted(t, cmd, filepath.Join(temp, "pgtest-*.0", "data", "*"))
	wantEmpty(t, temp)
}

// TestSetupDirectory wants a setup's directory to be removed with it, also if it does
// not end when it is asked to, and writes until it is killed.
func TestSetupDirectory(t *testing.T) {
	t.Parallel()
	cmd, temp := exec.Command(pgtestPath, "-count=1"), t.TempDir()
	cmd.Dir = writeModule(t, map[string]string{
		"go.mod":      "module example.com/m\n\ngo 1.25\n",
		"a_test.go":   "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n",
		"pgtest.toml": "[setup.db]\ncommand = \"trap '' INT TERM; n=0; while :; do n=$((n+1)); mkdir -p $(mktemp -d)/$n; done\"\n",
	})
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "TMPDIR="+temp)
	interrupted(t, cmd, filepath.Join(temp, "pgtest-*.0", "*", "*"))
	wantEmpty(t, temp)
}

// interrupted runs a command, and interrupts it from when there are files until it ends.
func interrupted(t *testing.T, cmd *exec.Cmd, files string) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	harnesstest.Await(t, "files of the setup", func() bool {
		found, err := filepath.Glob(files)
		return err == nil && len(found) > 0
	})
	for again := time.NewTicker(100 * time.Millisecond); ; <-again.C {
		cmd.Process.Signal(unix.SIGINT)
		select {
		case err := <-ended:
			if err == nil {
				t.Error("it passed")
			}
			return
		default:
		}
	}
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("%v: left: %v", err, left)
	}
}
