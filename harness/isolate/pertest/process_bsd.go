//go:build unix && !linux

package pertest

import (
	"pgtest/harness/control"
	"pgtest/harness/isolate/internal/group"
)

func anyLeft(pgid int) bool { return group.HasMembers(pgid) }

// describe reports the group as one leak: its members can't be listed.
func describe(pgid int) []control.Leak { return []control.Leak{{PID: pgid}} }
