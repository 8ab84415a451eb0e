package outfile

import "golang.org/x/sys/unix"

// isMount reports whether something is mounted on a file, which then can't be
// replaced.
func isMount(path string) bool {
	var s unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, 0, 0, &s)
	return err == nil && s.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}
