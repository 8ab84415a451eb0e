//go:build darwin || freebsd

package harness

import "syscall"

// goAttr gives the go command a process group of its own.
func goAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// startCommand starts the command.
func (r *run) startCommand() error { return r.command.Start() }

// spread does nothing.
func spread(string) {}

// adoptOrphans does nothing: orphans go to the first process.
func adoptOrphans() {}

// reapOrphans does nothing.
func (r *run) reapOrphans() {}

// cleanUp does nothing: what is left behind can't be told from what is not.
func (r *run) cleanUp() {}

// startTime is not needed where nothing is adopted.
func startTime(int) uint64 { return 0 }
