package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"pgtest/harness/control"
	"pgtest/harness/gotest"
	"pgtest/harness/internal/supervisor"
)

// newCommand returns the command that prints the events, not started, without
// standard output and error; nil if there is none.
func (r *run) newCommand() (*exec.Cmd, error) {
	switch {
	case r.cfg.Input != nil:
		return nil, nil
	case len(r.cfg.Command) > 0:
		return r.rawCommand()
	}
	return r.goCommand()
}

func (r *run) rawCommand() (*exec.Cmd, error) {
	path, err := exec.LookPath(r.cfg.Command[0])
	if err != nil {
		return nil, notFound(r.cfg.Command[0], err)
	}
	cmd := exec.Command(path, r.cfg.Command[1:]...)
	cmd.Args[0] = r.cfg.Command[0]
	cmd.Dir = r.cfg.Dir
	cmd.Env = r.environ()
	cmd.Stdin = os.Stdin
	return cmd, nil
}

func (r *run) goCommand() (*exec.Cmd, error) {
	name := r.cfg.GoCommand
	if name == "" {
		name = "go"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, notFound(name, err)
	}
	args, err := r.goArgs()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = r.cfg.Dir
	cmd.Stdin = os.Stdin
	cmd.Env = r.goEnvironment()
	if r.cfg.Terminal {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: syscall.Getpgrp()}
	}
	return cmd, nil
}

// notFound says in the system's words why there is no such command.
func notFound(name string, err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s: not found on PATH", name)
	}
	return fmt.Errorf("%s: %w", name, bare(err))
}

// bare is an error without what was tried, and with what.
func bare(err error) error {
	var pathErr *fs.PathError
	var execErr *exec.Error
	switch {
	case errors.As(err, &pathErr):
		return pathErr.Err
	case errors.As(err, &execErr):
		return execErr.Err
	}
	return err
}

// goArgs returns the arguments of the go command. They hold nothing that
// differs from run to run: -exec is part of the key of go test's cache.
func (r *run) goArgs() ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	opts := supervisor.Options{
		Program:     programID(self),
		Via:         r.cfg.Exec,
		FailOnLeaks: r.cfg.Leaks == FailLeaks,
		PerTest:     r.cfg.Isolation.Packages,
		TestTimeout: r.cfg.TestTimeout,
		Terminal:    r.cfg.Terminal,
	}
	execWords, err := gotest.JoinQuoted(append([]string{self, supervisor.Role}, opts.Words()...))
	if err != nil {
		return nil, err
	}
	args := []string{"test", "-json", "-exec=" + execWords}
	if r.cfg.Terminal {
		args = append(args, "-p=1")
	}
	toolWords, err := r.toolExec(self)
	if err != nil {
		return nil, err
	}
	if toolWords != "" {
		args = append(args, "-toolexec="+toolWords)
	}
	return append(args, r.cfg.Args...), nil
}

// toolExec returns the value of -toolexec, "" for none.
func (r *run) toolExec(self string) (string, error) {
	if r.cfg.LinkCache != nil {
		return r.cfg.LinkCache.Toolexec(self, r.cfg.ToolExec)
	}
	return gotest.JoinQuoted(r.cfg.ToolExec)
}

func (r *run) environ() []string {
	if r.cfg.Env != nil {
		return r.cfg.Env[:len(r.cfg.Env):len(r.cfg.Env)]
	}
	return os.Environ()
}

// goEnvironment is the environment of the go command. Supervisors turn it back
// into the run's.
func (r *run) goEnvironment() []string {
	env := r.environ()
	for _, v := range r.environ() {
		if dir, ok := strings.CutPrefix(v, "GOTMPDIR="); ok {
			env = append(env, control.TempVariable+"="+dir)
		}
	}
	if !r.cfg.KeepWork {
		env = append(env, "GOTMPDIR="+r.listener.Dir())
	}
	return append(env, control.SocketVariable+"="+r.listener.Path())
}
