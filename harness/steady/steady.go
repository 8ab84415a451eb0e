//go:build unix

// Package steady reads and writes descriptors that another process may have
// made non-blocking: the flag belongs to what is open, a terminal or a pipe,
// and so to everybody who shares it. It leaves the flag alone, and waits.
package steady

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Writer returns w, or if w is a file a writer to it that waits where the file
// takes nothing at the moment. Every write is whole, or ends with an error.
func Writer(w io.Writer) io.Writer {
	if f, ok := w.(*os.File); ok && f != nil {
		return file{f}
	}
	return w
}

// Reader returns r, or if r is a file a reader of it that waits where the file
// has nothing at the moment.
func Reader(r io.Reader) io.Reader {
	if f, ok := r.(*os.File); ok && f != nil {
		return file{f}
	}
	return r
}

type file struct{ f *os.File }

func (f file) Write(p []byte) (int, error) {
	written := 0
	for {
		n, err := f.f.Write(p[written:])
		written += n
		if !again(err) {
			return written, err
		}
		if err := f.await(unix.POLLOUT); err != nil {
			return written, err
		}
	}
}

func (f file) Read(p []byte) (int, error) {
	for {
		n, err := f.f.Read(p)
		if n > 0 || !again(err) {
			return n, err
		}
		if err := f.await(unix.POLLIN); err != nil {
			return 0, err
		}
	}
}

// again says whether an error is one of a descriptor that would have to wait.
func again(err error) bool {
	path, ok := err.(*os.PathError)
	return ok && (path.Err == syscall.EAGAIN || path.Err == syscall.EINTR)
}

// await waits until a read or a write can go on, or will tell why it can't.
func (f file) await(events int16) error {
	conn, err := f.f.SyscallConn()
	if err != nil {
		return err
	}
	var pollErr error
	err = conn.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
		for {
			if _, pollErr = unix.Poll(fds, -1); pollErr != unix.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("poll", pollErr)
}
