//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package signals

import "syscall"

// reportSignal is the signal that the terminal sends for Ctrl-T.
const reportSignal = syscall.SIGINFO
