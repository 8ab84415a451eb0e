package control

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Package net would do the same, but makes the program use cgo, and a
// dynamically linked program takes half a millisecond longer to start, for
// each package and each tool of the go command.

// newSocket returns a Unix stream socket that children do not inherit.
func newSocket() (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	return fd, os.NewSyscallError("socket", err)
}

// bind is a variable for tests of systems that refuse it.
var bind = unix.Bind

func listenUnix(path string) (*os.File, error) {
	fd, err := newSocket()
	if err != nil {
		return nil, err
	}
	if err := bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "bind", Path: path, Err: err}
	}
	if err := unix.Listen(fd, unix.SOMAXCONN); err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "listen", Path: path, Err: err}
	}
	return pollable(fd, path)
}

func acceptUnix(listener *os.File) (*os.File, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	var acceptErr error
	err = raw.Read(func(listenFD uintptr) (done bool) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		fd, _, acceptErr = unix.Accept(int(listenFD))
		if acceptErr == nil {
			unix.CloseOnExec(fd)
		}
		return acceptErr != unix.EAGAIN
	})
	if err == nil {
		err = os.NewSyscallError("accept", acceptErr)
	}
	if err != nil {
		return nil, err
	}
	return pollable(fd, listener.Name())
}

func dialUnix(path string) (*os.File, error) {
	fd, err := newSocket()
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		if err != unix.EINTR {
			break
		}
	}
	if err != nil && err != unix.EISCONN {
		unix.Close(fd)
		return nil, &os.PathError{Op: "connect", Path: path, Err: err}
	}
	return pollable(fd, path)
}

// pollable makes a file of a socket. Reads and writes then wait without a
// thread, and heed deadlines.
func pollable(fd int, name string) (*os.File, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// peerOf returns the id of the process at the other end, 0 if the system does
// not say, and whether it ran as this user when it connected.
func peerOf(conn *os.File) (pid int, own bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, false
	}
	raw.Control(func(fd uintptr) {
		var uid int
		pid, uid, err = credentials(int(fd))
		own = err == nil && uid == os.Geteuid()
	})
	return pid, own
}
