package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"pgtest/harness/internal/watchdog"
	"pgtest/signals"
)

// commandPatience is how long what a command leaves behind may take to end.
const commandPatience = 100 * time.Millisecond

// RunCommand runs a program that is no part of a run, with this process's
// standard output and error, and nothing to read. Env is its environment. The
// program has a session of its own, so the terminal neither signals nor stops
// it: the signals that control catches are passed on to it, a second one kills
// it, and nothing that it started is left when RunCommand returns. What
// describes the program to the user. The error says why the program could not be
// started, or how it failed.
func RunCommand(control *signals.Control, what string, words, env []string) error {
	path, err := exec.LookPath(words[0])
	if err != nil {
		return notFound(words[0], err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(path, words[1:]...)
	cmd.Args[0], cmd.Env, cmd.Stdout, cmd.Stderr = words[0], env, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	w, err := watchdog.Start([]string{self, watchdog.Role}, nil, func() error { return nil }, cmd)
	if err != nil {
		return bare(err)
	}
	if !control.Follow(what, w.Ended(), w.Signal) {
		w.Finish(true)
	} else {
		w.FinishGently(commandPatience)
	}
	switch status, known := w.Status(); {
	case !known:
		return errors.New("its parent was killed")
	case status.Signaled():
		return fmt.Errorf("signal: %v", status.Signal())
	case status.ExitStatus() != 0:
		return fmt.Errorf("exit status %d", status.ExitStatus())
	}
	return nil
}
