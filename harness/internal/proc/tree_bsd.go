//go:build darwin || freebsd

package proc

import (
	"os"
	"runtime"
	"syscall"
)

// rssUnit is the unit of ru_maxrss in bytes.
var rssUnit = map[string]int64{"darwin": 1, "freebsd": 1024}[runtime.GOOS]

// follow waits for the end of the root. If the kernel can't tell it, Reap
// waits.
func (t *Tree) follow() {
	defer close(t.exited)
	AwaitExit(t.root)
}

// Any says whether the group that the root leads has another member.
func (t *Tree) Any() bool { return len(t.List()) > 0 }

// List returns the members of the group that the root leads, the root excepted.
// Descendants can't be told from others here, so without a group of its own the
// tree has no known member but the root.
func (t *Tree) List() []Process {
	if !t.leads {
		return nil
	}
	return Group(t.group).List()
}

// Kill sends SIGKILL to the group, whose members can't fork meanwhile.
func (t *Tree) Kill() { t.signalRoot(syscall.SIGKILL) }

// signal is for processes that escaped, which are not found here.
func (p Process) signal(syscall.Signal) {}

// handedOn is nothing here: a new program starts to count anew.
func handedOn() int64 { return 0 }

// OpenOutput returns nil: a pipe has no name to open here.
func OpenOutput() *os.File { return nil }
