//go:build unix

package signals

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Catch returns a channel that gets the signals that ask a process to end:
// SIGINT, SIGTERM, SIGHUP and SIGQUIT. A signal that was ignored when the
// process started, such as SIGHUP under nohup, stays ignored, also in the
// processes that it starts: to catch it would make it default there.
func Catch() <-chan os.Signal {
	caught := make(chan os.Signal, 8)
	for _, sig := range []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT} {
		if !signal.Ignored(sig) {
			signal.Notify(caught, sig)
		}
	}
	return caught
}

// Ignored reports whether a signal was ignored when the process started, and so
// will be in the processes that it starts, unless it is caught. On macOS and the
// BSDs it knows that of SIGHUP and SIGINT alone.
func Ignored(sig syscall.Signal) bool { return signal.Ignored(sig) || kernelIgnores(sig) }
