//go:build unix && !linux

package signals

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// signalIf sends sig to a process if is(pid) holds, right after the check.
func signalIf(pid int, sig syscall.Signal, is func(pid int) bool) {
	if is(pid) {
		unix.Kill(pid, sig)
	}
}
