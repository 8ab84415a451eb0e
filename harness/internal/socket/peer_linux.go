package socket

import "golang.org/x/sys/unix"

// credentials returns the ids of a socket's peer and of the peer's effective
// user.
func credentials(fd int) (pid, uid int, err error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, 0, err
	}
	return int(cred.Pid), int(cred.Uid), nil
}
