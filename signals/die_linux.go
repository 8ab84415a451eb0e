package signals

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sigaction is large enough for the kernel's struct on every architecture. Its
// fields are not looked at, so its layout does not matter: all zeroes are the
// default action, and an action read is only ever put back.
type sigaction [64]byte

// kernelSigset is the size in bytes of the kernel's signal set.
const kernelSigset = 8

// setDefault gives a signal its default action without the Go runtime, which
// never does so itself (signal.Reset does not bring back stopping, and SIGQUIT
// prints goroutines). The function that it returns puts the former action back.
func setDefault(sig syscall.Signal) (restore func(), err error) {
	var was, dfl sigaction
	if err := rtSigaction(sig, &dfl, &was); err != nil {
		return nil, err
	}
	return func() { rtSigaction(sig, &was, nil) }, nil
}

func rtSigaction(sig syscall.Signal, act, old *sigaction) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig),
		uintptr(unsafe.Pointer(act)), uintptr(unsafe.Pointer(old)), kernelSigset, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// withoutTTOU runs f in a thread that SIGTTOU can't stop.
func withoutTTOU(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var set, was unix.Sigset_t
	bits := int(unsafe.Sizeof(set.Val[0]) * 8)
	n := int(unix.SIGTTOU) - 1
	set.Val[n/bits] |= 1 << (n % bits)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &was); err != nil {
		return err
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &was, nil)
	return f()
}

// noCore keeps this process from leaving a core file, whatever signal ends it.
// A limit of 0 is not enough where core_pattern is a pipe.
func noCore() {
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}

// becomeKilled makes the calling process die of sig, whatever its handlers.
// SIGKILL has none.
func becomeKilled(sig syscall.Signal) {
	if _, err := setDefault(sig); err == nil || sig == unix.SIGKILL {
		unix.Kill(unix.Getpid(), sig)
	}
}

// kernelIgnores reports whether sig is ignored. It is for signals that the Go
// runtime does not touch before signal.Notify.
func kernelIgnores(sig syscall.Signal) bool {
	const handler, ignore = 0, 1 // the first word of the struct, SIG_IGN
	var now sigaction
	err := rtSigaction(sig, nil, &now)
	return err == nil && *(*uintptr)(unsafe.Pointer(&now[handler])) == ignore
}

// endWithParent makes a command get SIGHUP when this process dies.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = unix.SIGHUP }
