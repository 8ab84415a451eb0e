package other

import (
	"os"
	"syscall"
	"testing"
)

// TestOther logs whether it leads a process group whose leader's parent does so, too: a process for all tests has a
// supervisor for a parent, which doesn't lead its group's children.
func TestOther(t *testing.T) { t.Log("run", os.Getpid() == syscall.Getpgrp()) }

func TestBroken(t *testing.T) {
	if os.Getenv("MODE") == "bad" {
		os.Exit(5)
	}
}
