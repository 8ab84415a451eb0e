//go:build unix

package signals

import (
	"os"
	"syscall"
	"time"
)

// Die ends the process by sig, so that whoever waits for it sees a death by
// that signal: a shell shows 128+sig. No core file is left. Die does not
// return; should the signal not kill, as it can't where this is process 1, it
// exits with 128+sig.
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
