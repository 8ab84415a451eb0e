package harness

import (
	"os"

	"golang.org/x/sys/unix"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/proc"
)

// topOfHierarchy is FS_TOPDIR_FL of linux/fs.h, T of chattr(1).
const topOfHierarchy = 0x20000

// setTopDir asks the file system to put each directory that is created below
// dir in another place. Ext4 creates a directory's files close to it, and every
// creation steps over the inodes there that were freed in the last minutes:
// those of all go commands that used the same directory for temporary files.
// File systems without that flag return an error, which is ignored.
func setTopDir(dir string) {
	f, err := os.Open(dir)
	if err != nil {
		return
	}
	defer f.Close()
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err == nil {
		unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags|topOfHierarchy))
	}
}

// reapOrphans reaps processes that have ended and were not started by the
// invocation, as fall to the first process of a container. Nothing is
// signalled.
func (i *invocation) reapOrphans() { proc.ReapOrphans(i.isOwnChild) }

// endAbandoned does nothing: the watchdog adopts what a supervisor leaves
// behind.
func endAbandoned(control.Started) {}

// killSession does nothing: the watchdog ends the supervisor's processes.
func killSession(control.Started) {}
