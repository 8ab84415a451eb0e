//go:build darwin || freebsd

package socket

import "golang.org/x/sys/unix"

// solLocal is SOL_LOCAL, the level of LOCAL_PEERCRED: 0 on macOS and FreeBSD.
const solLocal = 0

// credentials returns the effective user id of a socket's peer. The process id
// is 0: it is of use only where orphans are adopted.
func credentials(fd int) (pid, uid int, err error) {
	cred, err := unix.GetsockoptXucred(fd, solLocal, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, 0, err
	}
	return 0, int(cred.Uid), nil
}
