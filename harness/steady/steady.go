//go:build unix

// Package steady reads and writes descriptors that another process may have
// made non-blocking. The flag belongs to the open terminal or pipe, and so to
// every process that shares it. The package leaves the flag alone, and polls
// where a read or write would block.
package steady

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Writer returns a writer to w. If w is a file that can't take more at the
// moment, Write waits. Write writes all of its argument or returns an error.
func Writer(w io.Writer) io.Writer {
	if f, ok := w.(*os.File); ok && f != nil {
		return file{f: f}
	}
	return w
}

// Reader returns a reader of r. If r is a file that has nothing to read at the
// moment, Read waits.
func Reader(r io.Reader) io.Reader {
	if f, ok := r.(*os.File); ok && f != nil {
		return file{f: f}
	}
	return r
}

// ReaderUntil is Reader for a file that may be closed while Read waits. Stop is
// a pipe whose end makes Read return.
func ReaderUntil(f, stop *os.File) io.Reader { return file{f, stop} }

type file struct{ f, stop *os.File }

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

// again reports whether a read or write has to be tried again.
func again(err error) bool {
	path, ok := err.(*os.PathError)
	return ok && (path.Err == syscall.EAGAIN || path.Err == syscall.EINTR)
}

// await waits until a read or write can go on, or will return an error. It
// returns at once if the file is closed.
func (f file) await(events int16) (err error) {
	poll := func(fds ...unix.PollFd) {
		for {
			if _, err = unix.Poll(fds, -1); err != unix.EINTR {
				return
			}
		}
	}
	within(f.f, func(fd int32) {
		ready := unix.PollFd{Fd: fd, Events: events}
		if f.stop == nil {
			poll(ready)
			return
		}
		within(f.stop, func(stop int32) { poll(ready, unix.PollFd{Fd: stop, Events: unix.POLLIN}) })
	})
	return os.NewSyscallError("poll", err)
}

// within calls f with a file's descriptor, which stays valid until it returns.
// It does nothing if the file is closed.
func within(file *os.File, f func(fd int32)) {
	if conn, err := file.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { f(int32(fd)) })
	}
}
