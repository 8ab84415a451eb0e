//go:build !linux

package jsonstream

import "os"

// unlinkedFile returns a temporary file without a name.
func unlinkedFile(dir string) (*os.File, error) { return createUnlinked(dir) }
