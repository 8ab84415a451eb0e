//go:build darwin || freebsd

package supervisor

import (
	"os"
	"strconv"
	"syscall"
)

// dieOf ends the process by sig, as the test binary ended, so that go test
// reports what it would have reported without a supervisor. The core, if
// there is to be one, is the test binary's.
//
// The Go runtime would catch most signals. A shell in this process' place does
// not.
func dieOf(sig syscall.Signal) {
	script := "ulimit -c 0; kill -" + strconv.Itoa(int(sig)) + " $$"
	syscall.Exec("/bin/sh", []string{"sh", "-c", script}, os.Environ())
	os.Exit(128 + int(sig))
}
