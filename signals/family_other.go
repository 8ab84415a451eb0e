//go:build unix && !linux && !darwin

package signals

import (
	"syscall"
	"time"
)

// parentOf: beyond its own parent, a process can't find out who is whose parent
// here without the C library.
func parentOf(int) int { return 0 }

// readers: who reads a pipe can't be found out here.
func readers() []int { return nil }

func awaitEnd([]int, time.Duration) {}

func awaitDelivery(int, syscall.Signal, time.Duration) {}

// children: a process can't list its children here without the C library.
func children() []int { return nil }

func continueChildren([]int) {}

// stopOthers: who is in a group can't be found out here.
func stopOthers(time.Duration, func() bool) {}
