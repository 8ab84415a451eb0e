//go:build unix

package proc

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Drain copies from a pipe to w until the pipe is closed, or until gone is
// closed and the pipe is empty: a process that left the group may hold it open
// for good.
func Drain(pipe *os.File, w io.Writer, gone <-chan struct{}) {
	read := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-gone:
			pipe.SetReadDeadline(time.Now())
		case <-read:
		}
	}()
	_, err := io.Copy(w, onlyReader{pipe})
	close(read)
	<-stopped
	if errors.Is(err, os.ErrDeadlineExceeded) {
		rest(pipe, w)
	}
}

// onlyReader hides the other methods of a file, which would copy by itself.
type onlyReader struct{ io.Reader }

func rest(pipe *os.File, w io.Writer) {
	pipe.SetReadDeadline(time.Time{})
	conn, err := pipe.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 32<<10)
	for n := 1; n > 0; {
		err := conn.Read(func(fd uintptr) bool {
			n, err = unix.Read(int(fd), buf)
			return true // never wait
		})
		if err != nil || n <= 0 {
			return
		}
		w.Write(buf[:n])
	}
}
