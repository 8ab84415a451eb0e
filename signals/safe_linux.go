package signals

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// signalIf sends sig to a process if is(pid) holds. It opens a pidfd before it
// calls is, so the signal reaches the process that is has checked, or none.
// Linux before 5.3 has no pidfds: there the id is used right after the check.
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
