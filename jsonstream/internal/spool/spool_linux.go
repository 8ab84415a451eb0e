package spool

import (
	"os"

	"golang.org/x/sys/unix"
)

// Unlinked returns a temporary file without a name.
func Unlinked(dir string) (*os.File, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	if err != nil {
		return createUnlinked(dir) // not every file system has them
	}
	return f, nil
}
