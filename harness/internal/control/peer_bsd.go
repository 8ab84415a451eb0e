//go:build darwin || freebsd

package control

import (
	"os"

	"golang.org/x/sys/unix"
)

// solLocal is SOL_LOCAL, the level of LOCAL_PEERCRED: 0 on macOS and FreeBSD.
const solLocal = 0

// peerUID returns the effective user id of a socket's peer.
func peerUID(fd int) (int, error) {
	cred, err := unix.GetsockoptXucred(fd, solLocal, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(cred.Uid), nil
}

// peerOf returns 0. The id is of use only where orphans are adopted.
func peerOf(*os.File) int { return 0 }
