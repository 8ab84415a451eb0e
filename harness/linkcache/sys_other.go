//go:build unix && !linux

package linkcache

import (
	"errors"
	"os"
	"syscall"
)

// clone always fails: there is no call that clones into an open file.
func clone(dst, src *os.File) error { return errors.ErrUnsupported }

func dieWithParent(attr *syscall.SysProcAttr) {}
