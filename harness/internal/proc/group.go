//go:build unix

package proc

import "syscall"

// A Group is the process group of a child that has ended and is not reaped.
// Where this process adopts orphans, the remaining members are its children.
type Group int

// Signal sends a signal to the members, which can't fork meanwhile.
func (g Group) Signal(sig syscall.Signal) { syscall.Kill(-int(g), sig) }

// Kill sends SIGKILL to the members.
func (g Group) Kill() { g.Signal(syscall.SIGKILL) }
