package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"

	"pgtest/harness/internal/watchdog"
	"pgtest/signals"
)

// commandPatience is how long what a command leaves behind may take to end.
const commandPatience = 100 * time.Millisecond

// A Program is run beside runs.
type Program struct {
	What       string // describes it to the user
	Words, Env []string
	Input      *os.File      // what it reads; nil is nothing
	Limit      time.Duration // after which it is killed; 0 is no limit
}

// RunCommand runs a program that is no part of a run, with this process's
// standard output and error. The program has a session of its own, so the
// terminal neither signals nor stops it: the signals that control catches are
// passed on to it, a second one kills it, and nothing that it started is left
// when RunCommand returns. The error says why the program could not be started,
// or how it failed.
func RunCommand(control *signals.Control, p Program) error {
	path, err := exec.LookPath(p.Words[0])
	if err != nil {
		return notFound(p.Words[0], err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(path, p.Words[1:]...)
	cmd.Args[0], cmd.Env, cmd.Stdout, cmd.Stderr = p.Words[0], p.Env, os.Stdout, os.Stderr
	if p.Input != nil {
		cmd.Stdin = p.Input
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	w, err := watchdog.Start([]string{self, watchdog.Role}, nil, func() error { return nil }, cmd)
	if err != nil {
		return bare(err)
	}
	var late atomic.Bool
	if p.Limit > 0 {
		defer time.AfterFunc(p.Limit, func() { late.Store(true); w.Signal(syscall.SIGKILL) }).Stop()
	}
	if !control.Follow(p.What, w.Ended(), w.Signal) {
		w.Finish(true)
	} else {
		w.FinishGently(commandPatience)
	}
	switch status, known := w.Status(); {
	case late.Load():
		return fmt.Errorf("it took longer than %v", p.Limit)
	case !known:
		return errors.New("its parent was killed")
	case status.Signaled():
		return fmt.Errorf("signal: %v", status.Signal())
	case status.ExitStatus() != 0:
		return fmt.Errorf("exit status %d", status.ExitStatus())
	}
	return nil
}
