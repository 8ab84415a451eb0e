//go:build unix

package steady

import (
	"bytes"
	"io"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// pipe returns a pipe whose ends the Go runtime takes for blocking ones, while
// another process, as it were, has made them non-blocking.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	r, w = os.NewFile(uintptr(fds[0]), "reader"), os.NewFile(uintptr(fds[1]), "writer")
	t.Cleanup(func() { r.Close(); w.Close() })
	for _, fd := range fds {
		if err := syscall.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	return r, w
}

func TestNonblocking(t *testing.T) {
	_, full := pipe(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	if _, err := full.Write(data); !again(err) {
		t.Fatalf("a plain write: %v", err)
	}
	r, w := pipe(t)
	if _, err := r.Read(make([]byte, 1)); !again(err) {
		t.Fatalf("a plain read: %v", err)
	}
	written := make(chan error, 1)
	go func() {
		n, err := Writer(w).Write(data)
		if n != len(data) {
			t.Errorf("wrote %d of %d bytes", n, len(data))
		}
		w.Close()
		written <- err
	}()
	got, err := io.ReadAll(Reader(r))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	if flags, err := unix.FcntlInt(r.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("the flags have become %#x, %v", flags, err)
	}
}

// A reader that goes ends a write that waits.
func TestReaderGoes(t *testing.T) {
	r, w := pipe(t)
	for {
		if _, err := w.Write(make([]byte, 1<<16)); err != nil {
			break // full
		}
	}
	written := make(chan error, 1)
	go func() {
		_, err := Writer(w).Write([]byte("x"))
		written <- err
	}()
	r.Close()
	if err := <-written; err == nil || err.(*os.PathError).Err != syscall.EPIPE {
		t.Errorf("the write ends with %v, want EPIPE", err)
	}
}

func TestOthers(t *testing.T) {
	var b bytes.Buffer
	if Writer(&b) != io.Writer(&b) || Reader(&b) != io.Reader(&b) || Writer(nil) != nil {
		t.Error("what is no file is not left alone")
	}
}
