package event

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// EnlargePipe makes a pipe as large as the system lets us, so that go and its
// tests wait for us as little as possible. It returns how many bytes the pipe
// holds then, or 0 if that can't be had. Anything else is left alone.
func EnlargePipe(r io.Reader) (holds int) {
	f, ok := r.(syscall.Conn)
	if !ok {
		return 0
	}
	limit, err := os.ReadFile("/proc/sys/fs/pipe-max-size")
	if err != nil {
		return 0
	}
	size, err := strconv.Atoi(string(bytes.TrimSpace(limit)))
	if err != nil {
		return 0
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return 0
	}
	conn.Control(func(fd uintptr) {
		now, err := unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0)
		if err == nil && now < size {
			if enlarged, err := unix.FcntlInt(fd, unix.F_SETPIPE_SZ, size); err == nil {
				now = enlarged
			}
		}
		holds = max(now, 0)
	})
	return holds
}
