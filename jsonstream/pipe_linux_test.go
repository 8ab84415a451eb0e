package jsonstream

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPipeSize reads from a pipe, which becomes as large as it may.
func TestPipeSize(t *testing.T) {
	data, err := os.ReadFile("/proc/sys/fs/pipe-max-size")
	if err != nil {
		t.Skip(err)
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w.Close()
	s, err := New(Options{Format: "none", NoSummary: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReadOutput(r); err != nil {
		t.Error(err)
	}
	if _, err := s.Finish(); err != nil {
		t.Error(err)
	}
	size, err := unix.FcntlInt(r.Fd(), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		t.Fatal(err)
	}
	if size < limit {
		if os.Getuid() != 0 {
			t.Skipf("the user's pipes may have used up their limit: %d bytes", size)
		}
		t.Errorf("the pipe has %d bytes of %d", size, limit)
	}
}
