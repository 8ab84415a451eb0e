package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"pgtest/harness/gotest"
)

// changeDirectory goes where -C says and starts anew without it: the
// directory decides from the start how package paths are shortened. It returns
// only if it fails.
func changeDirectory(dir string, args []string) error {
	if err := os.Chdir(dir); err != nil {
		var errno syscall.Errno
		errors.As(err, &errno)
		return fmt.Errorf("-C %s: %w", dir, errno)
	}
	if wd, err := os.Getwd(); err == nil {
		os.Setenv("PWD", wd)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(self, append([]string{os.Args[0]}, args...), os.Environ())
}

// runGo becomes go test, for what runs no tests. It returns only if it fails.
func runGo(l gotest.Line) error {
	path, err := exec.LookPath("go")
	if err != nil {
		return errors.New("go: not found on PATH")
	}
	return syscall.Exec(path, append([]string{"go", "test"}, l.Words()...), os.Environ())
}
