package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// changeDirectory goes where -C says and starts anew without it: the
// directory decides from the start how package paths are shortened. It returns
// only if it fails.
func changeDirectory(args []string, dir string) error {
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
	return syscall.Exec(self, append([]string{os.Args[0]}, withoutChdir(args)...), os.Environ())
}

// withoutChdir removes the first -C from a command line that has one in front
// of all other words of go test.
func withoutChdir(args []string) []string {
	for i, word := range args {
		switch name, _, hasValue := cutFlag(word); {
		case name != "C":
		case hasValue:
			return append(args[:i:i], args[i+1:]...)
		default:
			return append(args[:i:i], args[i+2:]...)
		}
	}
	return args
}

// runGo becomes go test, for what runs no tests. It returns only if it fails.
func runGo(goes goWords) error {
	path, err := exec.LookPath("go")
	if err != nil {
		return errors.New("go: not found on PATH")
	}
	return syscall.Exec(path, append([]string{"go", "test"}, goes.all...), os.Environ())
}
