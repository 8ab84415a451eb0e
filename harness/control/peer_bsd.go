//go:build darwin || freebsd

package control

import (
	"net"

	"golang.org/x/sys/unix"
)

// solLocal is SOL_LOCAL, the level of LOCAL_PEERCRED: 0 on macOS and FreeBSD.
const solLocal = 0

// peerUID returns the user id of the process at the other end, as it was when
// the connection was made.
func peerUID(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Xucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptXucred(int(fd), solLocal, unix.LOCAL_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if credErr != nil {
		return 0, credErr
	}
	return int(cred.Uid), nil
}
