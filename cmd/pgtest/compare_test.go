package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"pgtest/harness/harnesstest/race"
)

// standardPackages are packages of the standard library whose tests open
// terminals, send signals, start processes and read the environment.
var standardPackages = []string{"os", "net", "os/exec", "os/signal", "syscall", "text/..."}

// TestStandardLibrary compares the results of every package and test with
// go test's. Both run the tests anew.
func TestStandardLibrary(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	src := filepath.Join(goEnvironment(t, "GOROOT")["GOROOT"], "src")
	args := append([]string{"-short", "-json", "-count=1"}, standardPackages...)
	if race.Enabled {
		// pgtest is built without it, so what only takes long is left to the run
		// without: tens of thousands of files, and bytes from socket to socket.
		args = append(args, "-skip=^(TestRootMulti.*|TestRootConsistency.*|TestSplice)$")
	}
	want := results(t, src, "go", append([]string{"test"}, args...))
	got := results(t, src, pgtestPath, args)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%s: %q, with go test %q", name, got[name], want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %q, not in go test's results", name, got[name])
		}
	}
	if len(want) < 1000 {
		t.Errorf("only %d results were compared", len(want))
	}
}

// results runs a command that prints go test's events, and returns how each
// package and test ended.
func results(t *testing.T, dir, command string, args []string) map[string]string {
	t.Helper()
	cmd := exec.Command(command, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", command, err)
	}
	ended := make(map[string]string)
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var event struct{ Action, Package, Test string }
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			t.Fatalf("%s printed what is no event: %s", command, lines.Text())
		}
		switch event.Action {
		case "pass", "fail", "skip":
			ended[event.Package+" "+event.Test] = event.Action
		}
	}
	return ended
}
