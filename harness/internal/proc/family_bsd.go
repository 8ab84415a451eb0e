//go:build darwin || freebsd

package proc

import "os/exec"

// A Family is the set of children of this process. Orphans become children of
// process 1 on these systems.
type Family struct{}

// NewFamily returns the family.
func NewFamily() *Family { return &Family{} }

// Start starts a child. The caller must wait for it.
func (f *Family) Start(cmd *exec.Cmd) error { return cmd.Start() }

// Reaped does nothing.
func (f *Family) Reaped(int) {}
