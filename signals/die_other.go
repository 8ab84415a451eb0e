//go:build unix && !linux

package signals

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// setDefault fails: the Go runtime can't give a stop signal its default action,
// and this system has no system call for it but through the C library.
func setDefault(syscall.Signal) (restore func(), err error) { return nil, unix.ENOSYS }

// withoutTTOU runs f while this process ignores SIGTTOU, then catches it again.
func withoutTTOU(f func() error) error {
	signal.Ignore(unix.SIGTTOU)
	defer signal.Reset(unix.SIGTTOU)
	return f()
}

func noCore() { unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }

// becomeKilled makes the calling process die of sig. The runtime prints
// goroutines on SIGQUIT and ignores a SIGPIPE that nobody's write caused, so
// the process becomes a shell first: caught signals are default in a new
// program.
func becomeKilled(sig syscall.Signal) {
	pid := strconv.Itoa(os.Getpid())
	unix.Exec("/bin/sh", []string{"sh", "-c", "kill -" + strconv.Itoa(int(sig)) + " " + pid}, os.Environ())
}

// kernelIgnores returns false: this system shows no more than the Go runtime
// does.
func kernelIgnores(syscall.Signal) bool { return false }

// endWithParent does nothing: this system has no such signal.
func endWithParent(*syscall.SysProcAttr) {}
