//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package signals

import "golang.org/x/sys/unix"

const getTermios = unix.TIOCGETA
