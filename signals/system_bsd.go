//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package signals

import "golang.org/x/sys/unix"

const (
	// reportSignal is the signal that the terminal sends for Ctrl-T.
	reportSignal = unix.SIGINFO
	getTermios   = unix.TIOCGETA
	setTermios   = unix.TIOCSETA
	inputQueue   = 0x4004667f // FIONREAD
)
