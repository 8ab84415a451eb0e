package harness

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"pgtest/harness/steady"
)

// An eventPipe is the reading end of a pipe that gets many small writes. It
// does not use Go's poller, which each write would wake at about the cost of
// the write itself. Close may be called while Read waits.
type eventPipe struct {
	file            *os.File
	closing, closed *os.File // a pipe whose end says that Close was called
}

func newEventPipe() (*eventPipe, *os.File, error) {
	closing, closed, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	var ends [2]int
	syscall.ForkLock.RLock()
	err = syscall.Pipe(ends[:])
	if err == nil {
		syscall.CloseOnExec(ends[0])
		syscall.CloseOnExec(ends[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		closing.Close()
		closed.Close()
		return nil, nil, os.NewSyscallError("pipe", err)
	}
	p := &eventPipe{file: os.NewFile(uintptr(ends[0]), "|0"), closing: closing, closed: closed}
	writer := os.NewFile(uintptr(ends[1]), "|1")
	// NewFile registers a file with the poller if the file is non-blocking
	// already.
	if err := unix.SetNonblock(ends[0], true); err != nil {
		p.Close()
		writer.Close()
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return p, writer, nil
}

// Read waits until there is something to read, the last writer is gone, or
// Close is called, in which case it returns os.ErrClosed.
func (p *eventPipe) Read(b []byte) (int, error) { return steady.ReaderUntil(p.file, p.closing).Read(b) }

// SyscallConn gives access to the descriptor.
func (p *eventPipe) SyscallConn() (syscall.RawConn, error) { return p.file.SyscallConn() }

func (p *eventPipe) Close() error {
	p.closed.Close()
	p.closing.Close()
	return p.file.Close()
}
