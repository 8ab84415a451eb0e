package harness

import (
	"os"

	"golang.org/x/sys/unix"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/proc"
)

// topOfHierarchy is FS_TOPDIR_FL of linux/fs.h, T of chattr(1).
const topOfHierarchy = 0x20000

// spread asks the file system to put what is created below dir in another
// place each time. Ext4 creates a directory's files close to it, and every
// creation steps over the inodes there that were freed in the last minutes:
// the files of all the go commands that worked in the same directory for
// temporary files. File systems that have no such flag refuse it, and that is
// fine.
func spread(dir string) {
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

// reapOrphans reaps processes that have ended and were not started by the invocation,
// as fall to the first process of a container. Nothing is signalled.
func (i *invocation) reapOrphans() { proc.ReapOrphans(i.isOwnChild) }

// endAbandoned does nothing: what a supervisor leaves, the watchdog adopts.
func endAbandoned(control.Started) {}

// killSession does nothing: the watchdog does.
func killSession(control.Started) {}
