package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestEventFileAfterDeath kills what takes part in a run. The event file has
// whole events, and says whether it has all of them.
func TestEventFileAfterDeath(t *testing.T) {
	isSupervisor := func(command string) bool {
		return strings.Contains(command, " __exec ") && !strings.Contains(command, "-exec=")
	}
	for _, tt := range []struct {
		name   string
		kill   func(*treeRun)
		ends   bool // of the package and its test
		status int  // of a run that reads the file
		says   string
	}{
		{"pgtest", func(r *treeRun) { r.cmd.Process.Kill() }, false, 2,
			"pgtest: /dev/stdin: the events end before example.com/m/p"},
		{"supervisor", func(r *treeRun) { unix.Kill(r.pids(isSupervisor)[0], unix.SIGKILL) }, true, 1,
			"FAIL: example.com/m/p TestCareful"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			name := filepath.Join(t.TempDir(), "events.json")
			r := startTree(t, "--jsonfile="+name)
			// While the test runs, what there is can be read.
			var events []byte
			for end := time.Now().Add(patience); !bytes.Contains(events, []byte(`"Action":"run"`)); time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("the test is not in the file: %q", events)
				}
				var err error
				if events, err = os.ReadFile(name); err != nil {
					t.Fatal(err)
				}
				checkEvents(t, events)
			}
			tt.kill(r)
			r.wait()
			events, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			ends := checkEvents(t, events)
			if got := ends["TestCareful"] == "fail" && ends[""] == "fail"; got != tt.ends {
				t.Errorf("ends %v in\n%s", ends, events)
			}
			cmd := exec.Command(pgtestPath, "-")
			cmd.Stdin = bytes.NewReader(events)
			out, _ := cmd.CombinedOutput()
			if status := cmd.ProcessState.ExitCode(); status != tt.status || !strings.Contains(string(out), tt.says) {
				t.Errorf("reading it again: status %d, want %d and %q:\n%s", status, tt.status, tt.says, out)
			}
		})
	}
}

// checkEvents checks that a file has whole events and nothing else, and returns
// the last action for each test, and for the package with the name "".
func checkEvents(t *testing.T, file []byte) map[string]string {
	t.Helper()
	last := make(map[string]string)
	for line := range bytes.Lines(file) {
		var ev struct{ Action, Package, Test string }
		if err := json.Unmarshal(line, &ev); err != nil || line[len(line)-1] != '\n' {
			t.Fatalf("%v in the line %q", err, line)
		}
		last[ev.Test] = ev.Action
	}
	return last
}
