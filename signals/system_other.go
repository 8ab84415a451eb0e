//go:build unix && !(darwin || dragonfly || freebsd || netbsd || openbsd)

package signals

import "golang.org/x/sys/unix"

const (
	// reportSignal is no signal: no terminal of this system sends one.
	reportSignal = unix.Signal(-1)
	getTermios   = unix.TCGETS
	setTermios   = unix.TCSETS
	inputQueue   = unix.TIOCINQ
)
