package linkcache

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// clone makes dst share the blocks of src, whole. It fails where the file
// system has no reflinks and between two file systems.
func clone(dst, src *os.File) error {
	return unix.IoctlFileClone(int(dst.Fd()), int(src.Fd()))
}

// dieWithParent makes the process that is about to start die with the thread
// that starts it.
func dieWithParent(attr *syscall.SysProcAttr) {
	attr.Pdeathsig = syscall.SIGKILL
}
