//go:build !linux

package jsonstream

import "io"

// enlargePipe does nothing: the size of a pipe is fixed here, and
// not known.
func enlargePipe(io.Reader) int { return 0 }
