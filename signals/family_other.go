//go:build unix && !linux && !darwin

package signals

import (
	"syscall"
	"time"
)

// parentOf returns 0: without the C library a process can learn of no parent
// but its own here.
func parentOf(int) int { return 0 }

// readers returns nothing: this system does not show who reads a pipe.
func readers() []int { return nil }

func awaitEnd([]int, time.Duration) {}

func awaitDelivery(int, syscall.Signal, time.Duration) {}

// children returns nothing: without the C library a process can't list its
// children here.
func children() []int { return nil }

func continueChildren([]int) {}

// stopOthers does nothing: this system does not show who is in a group.
func stopOthers(time.Duration, func() bool) {}
