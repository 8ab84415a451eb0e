package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgtest/harness/harnesstest"
	"pgtest/signals/procfs"
)

// TestLeaderStays wants the leader of a group to be reaped after all that it left
// in the group has ended: until then the group's id must be nobody else's.
func TestLeaderStays(t *testing.T) {
	dir := writeModule(t, map[string]string{"p_test.go": `package p

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestLeaves(t *testing.T) {
	left := exec.Command("sh", "-c", "trap '' TERM; : >\"$NOTES\"/ready; while :; do sleep 1000; done")
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(os.Getenv("NOTES") + "/ready"); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	pids := fmt.Sprintln(os.Getpid(), left.Process.Pid)
	if err := os.WriteFile(os.Getenv("NOTES")+"/pids", []byte(pids), 0o666); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(os.Getenv("NOTES") + "/seen"); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
}
`})
	for _, isolate := range []string{"package", "test"} {
		t.Run(isolate, func(t *testing.T) {
			notes, mark := t.TempDir(), harnesstest.Mark(t.Name())
			var out syncBuffer
			run := exec.Command(pgtestPath, "-C", dir, "-count=1", "--isolate="+isolate, ".")
			run.Env = append(os.Environ(), mark, "NOTES="+notes)
			run.Stdout, run.Stderr = &out, &out
			if err := run.Start(); err != nil {
				t.Fatal(err)
			}
			endMarked(t, mark)
			var leader, left int
			harnesstest.Await(t, "the test", func() bool {
				text, _ := os.ReadFile(filepath.Join(notes, "pids"))
				n, _ := fmt.Sscan(string(text), &leader, &left)
				return n == 2
			})
			write(t, filepath.Join(notes, "seen"), "")
			// What is left ignores SIGTERM, so there is time to look.
			for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
				there := procfs.StatOf(leader).State != 0
				if !procfs.StatOf(left).Alive() {
					break
				} else if !there {
					t.Fatal("the leader was reaped, and what it left in its group lives")
				}
				if time.Now().After(end) {
					t.Fatal("what is left does not end")
				}
			}
			if err := run.Wait(); err != nil || !strings.Contains(out.String(), "=== LEAK: ") {
				t.Errorf("%v\n%s", err, out.String())
			}
		})
	}
}
