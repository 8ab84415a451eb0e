//go:build unix && !linux

package signals

import (
	"syscall"
	"time"
)

// What follows needs a list of processes or of their descriptors, which these
// systems give to the C library alone.

func readers() []int { return nil }

func awaitEnd([]int, time.Duration) {}

func awaitDelivery(int, syscall.Signal, time.Duration) {}

func children() []int { return nil }

func continueChildren([]int) {}

func stopOthers(time.Duration, func() bool) {}
