//go:build darwin || freebsd

package proc

import "os/exec"

// A Family is the children of this process. Orphans are init's here.
type Family struct{}

// NewFamily returns the family.
func NewFamily() *Family { return &Family{} }

// Start starts a child that the caller waits for.
func (f *Family) Start(cmd *exec.Cmd) error { return cmd.Start() }

// Reaped does nothing.
func (f *Family) Reaped(int) {}
