// Package server is a package with a slow test that leaves a process behind.
package server

import (
	"os/exec"
	"testing"
	"time"
)

func TestServe(t *testing.T) {
	server := exec.Command("sleep", "3600")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
}
