package main

import (
	"syscall"
	"testing"
	"time"

	"pgtest/harness/harnesstest"
)

// patience is the limit for what must happen at all, on a busy machine.
const patience = 2 * time.Minute

// awaitGone waits until nothing lives that has a mark. If that takes too long it
// fails the test, with what is known.
func awaitGone(t *testing.T, mark string, known func() string) {
	t.Helper()
	for end := time.Now().Add(patience); len(harnesstest.Survivors(mark)) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("survivors: %v\n%s", harnesstest.Survivors(mark), known())
		}
	}
}

// endMarked kills at the end of the test what has a mark.
func endMarked(t *testing.T, mark string) {
	t.Cleanup(func() {
		for _, p := range harnesstest.Survivors(mark) {
			syscall.Kill(p.PID, syscall.SIGKILL)
		}
	})
}
