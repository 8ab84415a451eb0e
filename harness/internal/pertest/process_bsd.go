//go:build unix && !linux

package pertest

import (
	"pgtest/harness/control"
	"pgtest/harness/internal/proc"
)

func anyLeft(pgid int) bool { return proc.HasMembers(pgid) }

// members returns the group as one process while anything in it is alive: its
// members can't be listed.
func members(pgid int) []int {
	if anyLeft(pgid) {
		return []int{pgid}
	}
	return nil
}

// describe reports the group as one leak: its members can't be listed.
func describe(pgid int) []control.Leak { return []control.Leak{{PID: pgid}} }
