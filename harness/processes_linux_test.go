package harness_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"pgtest/harness"
	"pgtest/jsonstream"
)

// TestSpread looks at the flags of a run's directory on ext4.
func TestSpread(t *testing.T) {
	const topOfHierarchy = 0x20000 // T of chattr(1)
	temp := t.TempDir()
	var fs unix.Statfs_t
	if err := unix.Statfs(temp, &fs); err != nil {
		t.Fatal(err)
	}
	if fs.Type != unix.EXT4_SUPER_MAGIC {
		t.Skip("not on ext4")
	}
	var flags uint32
	seen := filepath.Join(temp, "seen")
	// The directory is there as long as the command runs.
	command := []string{"sh", "-c", `echo hello; until [ -e "$0" ]; do sleep 0.01; done`, seen}
	runModule(t, "leaks", harness.Config{Command: command, TempDir: temp, Stream: jsonstream.Options{Stdout: writerFunc(func(p []byte) (int, error) {
		if flags != 0 {
			return len(p), nil
		}
		defer os.WriteFile(seen, nil, 0o666)
		dirs, err := filepath.Glob(filepath.Join(temp, "pgtest-*"))
		if err != nil || len(dirs) != 1 {
			t.Fatalf("directories of the run: %q, %v", dirs, err)
		}
		dir, err := os.Open(dirs[0])
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		if flags, err = unix.IoctlGetUint32(int(dir.Fd()), unix.FS_IOC_GETFLAGS); err != nil {
			t.Fatal(err)
		}
		return len(p), nil
	})}})
	if flags&topOfHierarchy == 0 {
		t.Errorf("flags %#x, want %#x among them", flags, topOfHierarchy)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
