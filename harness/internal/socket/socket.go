// Package socket connects processes of one user by Unix sockets. It knows nothing
// of what they say.
package socket

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

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

// A Listener is a socket that waits for connections.
type Listener struct {
	file   *os.File
	closed chan struct{} // closed by Close
	once   sync.Once
}

// Bind is a variable for tests of systems that refuse it.
var Bind = unix.Bind

// MaxPath is the shortest of the systems' limits on the path of a Unix socket
// (sun_path of 104 bytes with its NUL on macOS and the BSDs).
const MaxPath = 103

// Listen makes a socket at path, or an abstract one if that begins with @. Every
// user can connect to the latter, so both ends check the other's user, as they
// do for any socket. The caller must close the listener, and removes the file.
func Listen(path string) (*Listener, error) {
	if len(path) > MaxPath {
		return nil, &os.PathError{Op: "bind", Path: path, Err: syscall.ENAMETOOLONG}
	}
	file, err := listen(path)
	if err != nil {
		return nil, err
	}
	return &Listener{file: file, closed: make(chan struct{})}, nil
}

func listen(path string) (*os.File, error) {
	fd, err := newSocket()
	if err != nil {
		return nil, err
	}
	if err := Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "bind", Path: path, Err: err}
	}
	if err := unix.Listen(fd, unix.SOMAXCONN); err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "listen", Path: path, Err: err}
	}
	return pollable(fd, path)
}

// Accept waits for the next connection, and returns it with the id of the process
// that connected, 0 if the system does not say. It closes connections of other
// users. It fails only when the listener is closed: other errors, such as too
// many open descriptors, are temporary, and connections wait in the socket's
// queue.
func (l *Listener) Accept() (conn *os.File, pid int, err error) {
	for pause := shortPause; ; {
		conn, err := accept(l.file)
		switch {
		case l.isClosed():
			if err == nil {
				conn.Close()
			}
			return nil, 0, os.ErrClosed
		case err != nil:
			select {
			case <-time.After(pause):
			case <-l.closed:
			}
			pause = min(2*pause, longPause)
		default:
			if pid, own := peerOf(conn); own {
				return conn, pid, nil
			}
			conn.Close()
		}
	}
}

// The bounds of the pause after a failed attempt to accept.
const (
	shortPause = time.Millisecond
	longPause  = 100 * time.Millisecond
)

func (l *Listener) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// Close ends Accept. Connections stay open.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.file.Close()
}

func accept(listener *os.File) (*os.File, error) {
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

// Dial connects to the socket at path, which must be this user's.
func Dial(path string) (*os.File, error) {
	conn, err := dial(path)
	if err != nil {
		return nil, err
	}
	if _, own := peerOf(conn); !own {
		conn.Close()
		return nil, fmt.Errorf("%s: not a socket of this user", path)
	}
	return conn, nil
}

func dial(path string) (*os.File, error) {
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
