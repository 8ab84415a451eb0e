package supervisor

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dieOf ends the process by sig, as the test binary ended, so that go test
// reports what it would have reported without a supervisor. The core, if
// there is to be one, is the test binary's.
//
// The Go runtime would catch most signals, and signal.Reset brings its
// handlers back, so the kernel is told to take the default action.
func dieOf(sig syscall.Signal) {
	unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	var defaultAction [4]uint64 // struct sigaction of rt_sigaction: SIG_DFL, no flags, empty mask
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&defaultAction)), 0, 8, 0, 0)
	unix.Kill(os.Getpid(), sig)
	// Another thread may be the one to get it. The first process of a
	// container never gets it.
	time.Sleep(time.Second)
	os.Exit(128 + int(sig))
}
