//go:build unix

package signals

import (
	"os"

	"golang.org/x/sys/unix"
)

// watchReader calls closed when nobody can read f any more. A run whose tests
// print nothing then ends with its pager, too. The returned function stops the
// watch and waits until it has ended. f must be a pipe or a socket, and stay
// open until then.
func watchReader(f *os.File, closed func()) (stop func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer r.Close()
		// No events are requested: poll always reports errors and hangups.
		fds := []unix.PollFd{{Fd: int32(f.Fd())}, {Fd: int32(r.Fd())}}
		for {
			if _, err := unix.Poll(fds, -1); err == unix.EINTR {
				continue
			} else if err != nil {
				return
			}
			if fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 && fds[1].Revents == 0 {
				closed()
			}
			return
		}
	}()
	return func() { w.Close(); <-ended }, nil
}
