//go:build unix

package signals

import (
	"os"
	"syscall"
	"time"
)

// Die ends the process by sig, so that the parent sees a death by that signal:
// a shell shows 128+sig. It leaves no core file and does not return. If the
// signal can't kill this process, because it is process 1, Die exits with
// 128+sig.
func Die(sig syscall.Signal) {
	if os.Getpid() == 1 {
		os.Exit(128 + int(sig))
	}
	noCore()
	becomeKilled(sig)
	// Another thread may be the one that dies of it.
	time.Sleep(5 * time.Second)
	os.Exit(128 + int(sig))
}

// withDefault runs f while sig has its default action, if this system can give
// it that.
func withDefault(sig syscall.Signal, f func() error) error {
	if restore, err := setDefault(sig); err == nil {
		defer restore()
	}
	return f()
}
