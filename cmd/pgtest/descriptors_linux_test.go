package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const holdersTest = `package p

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestHolders(t *testing.T) {
	var holders strings.Builder
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && slices.Contains(strings.Fields(os.Getenv("FILES")), target) {
			process := filepath.Dir(filepath.Dir(file))
			exe, _ := os.Readlink(filepath.Join(process, "exe"))
			fmt.Fprintln(&holders, filepath.Base(process), exe)
		}
	}
	if err := os.WriteFile("holders", []byte(holders.String()), 0o666); err != nil {
		t.Fatal(err)
	}
}
`

// The files of a run are open in pgtest alone, also those that a shell opened
// for it: neither go nor a test can write them, or keep their reader waiting.
func TestDescriptorsAreNotInherited(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, events, report string }{
		{"descriptors", "/dev/fd/50", "/proc/self/fd/51"},
		{"a link to a descriptor", "link", "/dev/fd/51"},
		{"named pipes", "fifo3", "fifo4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := writeModule(t, map[string]string{"p_test.go": holdersTest})
			if err := os.Symlink("/dev/fd/50", filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(pgtestPath, "--jsonfile="+tt.events, "--junitfile="+tt.report, "-count=1", ".")
			cmd.Dir = dir
			// Numbers that pgtest gives nothing of its own, as shells do.
			cmd.ExtraFiles = make([]*os.File, 50-3)
			var names []string
			for _, name := range []string{"fifo3", "fifo4"} {
				name = filepath.Join(dir, name)
				if err := syscall.Mkfifo(name, 0o600); err != nil {
					t.Fatal(err)
				}
				f, err := os.OpenFile(name, os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				cmd.ExtraFiles = append(cmd.ExtraFiles, f)
				names = append(names, name)
			}
			if tt.events == "fifo3" {
				cmd.ExtraFiles = nil
			}
			cmd.Env = append(os.Environ(), "FILES="+strings.Join(names, " "))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			holders, err := os.ReadFile(filepath.Join(dir, "holders"))
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for line := range strings.Lines(string(holders)) {
				pid, exe, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
				switch {
				case exe == self: // the other ends, and what it is about to start
				case pid == strconv.Itoa(cmd.ProcessState.Pid()):
					found++
				default:
					t.Errorf("process %s, %s, has a file of the run", pid, exe)
				}
			}
			if found < 2 {
				t.Errorf("pgtest has %d files of the run:\n%s", found, holders)
			}
		})
	}
}
