package harnesstest

import (
	"bytes"
	"fmt"
	"os"

	"pgtest/signals/procfs"
)

// Mark returns an environment variable, as NAME=value, that marks every
// process which inherits it. It differs for each name and each test process.
func Mark(name string) string { return fmt.Sprintf("_PGTEST_TEST_MARK=%d-%s", os.Getpid(), name) }

// Survivors returns the living processes with a mark. The calling process is
// none of them, unless it was started with the mark.
func Survivors(mark string) []Survivor {
	var alive []Survivor
	want := []byte("\x00" + mark + "\x00")
	for _, pid := range procfs.PIDs() {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil || !bytes.HasPrefix(env, want[1:]) && !bytes.Contains(env, want) {
			continue
		}
		if procfs.StatOf(pid).Alive() {
			alive = append(alive, Survivor{pid, string(bytes.ReplaceAll(procfs.Arguments(pid), []byte{0}, []byte(" ")))})
		}
	}
	return alive
}

// A Survivor is a living process.
type Survivor struct {
	PID     int
	Command string
}
