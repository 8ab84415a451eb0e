//go:build !linux

package spool

import "os"

// Unlinked returns a temporary file without a name.
func Unlinked(dir string) (*os.File, error) { return createUnlinked(dir) }
