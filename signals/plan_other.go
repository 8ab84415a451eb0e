//go:build unix && !(darwin || dragonfly || freebsd || netbsd || openbsd)

package signals

import "syscall"

// reportSignal is no signal: no terminal of this system sends one.
const reportSignal = syscall.Signal(-1)
