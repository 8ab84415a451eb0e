package jsonstream

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// enlargePipe makes a pipe as large as the system lets us, so that go and its
// tests wait for us as little as possible. Anything else is left alone.
func enlargePipe(r io.Reader) {
	f, ok := r.(syscall.Conn)
	if !ok {
		return
	}
	limit, err := os.ReadFile("/proc/sys/fs/pipe-max-size")
	if err != nil {
		return
	}
	size, err := strconv.Atoi(string(bytes.TrimSpace(limit)))
	if err != nil {
		return
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return
	}
	conn.Control(func(fd uintptr) {
		now, err := unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0)
		if err == nil && now < size {
			unix.FcntlInt(fd, unix.F_SETPIPE_SZ, size)
		}
	})
}
