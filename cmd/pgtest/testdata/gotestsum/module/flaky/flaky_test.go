package flaky

import (
	"os"
	"path/filepath"
	"testing"
)

// failTimes fails the first times that a test of a name runs. A file in the
// directory COUNTERS counts them.
func failTimes(t *testing.T, name string, times int) {
	f, err := os.OpenFile(filepath.Join(os.Getenv("COUNTERS"), name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.WriteString("x")
	if info, err := f.Stat(); err != nil || info.Size() <= int64(times) {
		t.Fatalf("run %d of %s fails: %v", info.Size(), name, err)
	}
}

func TestOnce(t *testing.T) { failTimes(t, "once", 1) }

func TestTwice(t *testing.T) { failTimes(t, "twice", 2) }

func TestGroup(t *testing.T) {
	t.Run("passes", func(t *testing.T) { failTimes(t, "passes", 0) })
	t.Run("fails once/or so", func(t *testing.T) { failTimes(t, "sub", 1) })
}

func TestSteady(t *testing.T) { failTimes(t, "steady", 0) }
