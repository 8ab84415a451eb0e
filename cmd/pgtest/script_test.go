package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"pgtest/harness/harnesstest"
)

// pgtestPath is the command under test.
var pgtestPath string

func TestMain(m *testing.M) {
	refuseSubreaper()
	harnesstest.CatchIgnored()
	os.Exit(withPgtest(m.Run))
}

// withPgtest builds the command for the time that run takes.
func withPgtest(run func() int) int {
	if err := harnesstest.RequirePrograms(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "pgtest-command-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := harnesstest.OwnHome(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if pgtestPath, err = harnesstest.BuildPgtest(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return run()
}

// writeModule makes a module for a test, and returns its directory.
func writeModule(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := harnesstest.WriteModule(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir
}

// filesBelow returns all that is in a directory.
func filesBelow(dir string) []string {
	var files []string
	filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error {
		if path != dir {
			files = append(files, path)
		}
		return nil
	})
	return files
}

// TestScript runs the scripts in testdata/script. Each works on a module of its
// own.
func TestScript(t *testing.T) {
	p := scriptParams(t)
	p.Dir = filepath.Join("testdata", "script")
	testscript.Run(t, p)
}

// scriptParams is how scripts are run, without their directory. They share the
// go command's caches with the rest of the machine.
func scriptParams(t *testing.T) testscript.Params {
	caches := goEnvironment(t, "GOCACHE", "GOMODCACHE", "GOPATH")
	return testscript.Params{
		WorkdirRoot:         t.TempDir(), // its own stays where -run selects some scripts only
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			home, err := harnesstest.MakeHome(env.WorkDir)
			if err != nil {
				return err
			}
			env.Setenv("HOME", home)
			env.Setenv("PATH", filepath.Dir(pgtestPath)+string(filepath.ListSeparator)+env.Getenv("PATH"))
			env.Setenv("PGTEST", pgtestPath)
			env.Setenv("GOTOOLCHAIN", "local")
			env.Setenv("GOPROXY", "off")
			env.Setenv("GOENV", "off")
			env.Setenv("GOFLAGS", "-buildvcs=false -vet=off")
			env.Setenv("PGTEST_ORDER", "source") // times vary
			for name, value := range caches {
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status,
		},
	}
}

// status runs a command and fails unless it exits with the given status:
// `status 2 pgtest -run`. Its output is that of exec.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status code command [args...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := err.(*exec.ExitError); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

// goEnvironment returns settings of the go command.
func goEnvironment(t *testing.T, names ...string) map[string]string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatalf("go env: %v", err)
	}
	values := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	env := make(map[string]string)
	for i, name := range names {
		env[name] = values[i]
	}
	return env
}
