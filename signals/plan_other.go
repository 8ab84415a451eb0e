//go:build unix && !(darwin || dragonfly || freebsd || netbsd || openbsd)

package signals

import "syscall"

// reportSignal: no terminal here sends one.
const reportSignal = syscall.Signal(-1)
