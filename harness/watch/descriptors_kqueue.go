//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package watch

import "golang.org/x/sys/unix"

// spare is how many descriptors are left to the rest of the program.
const spare = 256

// descriptors returns how many descriptors watching may take, at least 1: kqueue
// needs one for each file.
func descriptors() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1
	}
	return int(max(1, min(int64(limit.Cur), 1<<30)-spare))
}
