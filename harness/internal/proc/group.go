//go:build unix

package proc

import "syscall"

// A Group is the process group that a child led which has ended and is not
// reaped. Where this process adopts orphans, what is left in it are its
// children.
type Group int

// Signal sends a signal to the members. They can't fork meanwhile.
func (g Group) Signal(sig syscall.Signal) { syscall.Kill(-int(g), sig) }

// Kill sends SIGKILL to the members.
func (g Group) Kill() { g.Signal(syscall.SIGKILL) }
