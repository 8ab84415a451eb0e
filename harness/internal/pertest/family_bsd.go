//go:build unix && !linux

package pertest

import "os/exec"

// A family is the children of this process. Orphans are init's here.
type family struct{}

func newFamily() *family { return &family{} }

func (f *family) start(cmd *exec.Cmd) error { return cmd.Start() }

func (f *family) reaped(int) {}
