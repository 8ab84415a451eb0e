//go:build darwin || freebsd

package proc

import (
	"os"
	"runtime"
	"syscall"
)

// rssUnit is the unit of ru_maxrss in bytes.
var rssUnit = map[string]int64{"darwin": 1, "freebsd": 1024}[runtime.GOOS]

// follow waits for the end of the root. If it can't, Reap does.
func (t *Tree) follow() {
	defer close(t.exited)
	AwaitExit(t.root)
}

// Any reports whether the group that the root leads has another member.
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

// signal does nothing: escaped processes are not found on these systems.
func (p Process) signal(syscall.Signal) {}

// handedOn returns 0: on these systems a program's peak does not include what
// the process used before.
func handedOn() int64 { return 0 }

// OpenOutput returns nil: a pipe has no name to open on these systems.
func OpenOutput() *os.File { return nil }
