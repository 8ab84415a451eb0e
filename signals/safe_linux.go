package signals

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// signalIf sends sig to a process if is holds for its id. The process is held
// by a pidfd before is looks, so that the signal reaches what is has looked at,
// or nothing. Linux before 5.3 has none: there the id is used right after the
// look.
func signalIf(pid int, sig syscall.Signal, is func(pid int) bool) {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		if is(pid) {
			unix.Kill(pid, sig)
		}
		return
	}
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if is(pid) {
		unix.PidfdSendSignal(fd, sig, nil, 0)
	}
}
