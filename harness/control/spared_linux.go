package control

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Spared returns the signals that the go command of a run starts with blocked: of
// those that ask a process to end, the ones that it does not catch. Supervisors
// unblock them for their test binaries.
func Spared() *unix.Sigset_t {
	var set unix.Sigset_t
	bits := int(unsafe.Sizeof(set.Val[0]) * 8)
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGHUP} {
		n := int(sig) - 1
		set.Val[n/bits] |= 1 << (n % bits)
	}
	return &set
}
