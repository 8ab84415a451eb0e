package harness

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/internal/archived"
	"pgtest/harness/internal/buildid"
	"pgtest/harness/internal/control"
	"pgtest/harness/internal/stress"
	"pgtest/harness/internal/supervisor"
	"pgtest/harness/internal/words"
	"pgtest/harness/linkcache"
)

// rawCommand returns the user's command with more arguments.
func (i *invocation) rawCommand(more []string) (*exec.Cmd, error) {
	path, err := exec.LookPath(i.cfg.Command[0])
	if err != nil {
		return nil, notFound(i.cfg.Command[0], err)
	}
	cmd := exec.Command(path, append(slices.Clone(i.cfg.Command[1:]), more...)...)
	cmd.Args[0] = i.cfg.Command[0]
	cmd.Dir = i.cfg.Dir
	cmd.Env = i.environ()
	cmd.Stdin = os.Stdin
	return cmd, nil
}

func (i *invocation) goCommand(line []string, opts supervisor.Options) (*exec.Cmd, error) {
	args, err := i.goArgs(line, opts)
	if err != nil {
		return nil, err
	}
	path, args, err := i.goProgram(args)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = i.cfg.Dir
	cmd.Stdin = os.Stdin
	cmd.Env = i.goEnvironment(path)
	if i.cfg.Terminal {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: syscall.Getpgrp()}
	}
	return cmd, nil
}

// goProgram returns the program that carries out a command line of go, and its
// arguments: the go command, or the role that does its part for an archive.
func (i *invocation) goProgram(args []string) (string, []string, error) {
	if h := i.cfg.Archive; h != nil {
		self, err := os.Executable()
		return self, append([]string{archived.Role}, words.Of(archived.Options{Archive: h.Path}, args...)...), err
	}
	path, err := exec.LookPath("go")
	if err != nil {
		return "", nil, notFound("go", err)
	}
	return path, args, nil
}

// notFound returns an error that says in the system's words why there is no
// such command.
func notFound(name string, err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s: not found on PATH", name)
	}
	return fmt.Errorf("%s: %w", name, bare(err))
}

// bare returns an error without the operation and its object.
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

// supervisorOptions returns the options of the first round's supervisors.
func (i *invocation) supervisorOptions() supervisor.Options {
	opts := supervisor.Options{PerTest: i.cfg.Isolation.Packages, Terminal: i.cfg.Terminal}
	opts.Overrides = i.cfg.Overrides.Key()
	opts.Via, opts.TestTimeout, opts.FailOnLeaks = i.cfg.Exec, i.cfg.TestTimeout, i.cfg.Leaks == FailLeaks
	if i.cfg.Stress != nil {
		opts.Stress, opts.Limits = true, stress.Limits(*i.cfg.Stress)
	}
	return opts
}

// goArgs returns the arguments of the go command. They must be the same from
// run to run, because -exec is part of the key of go test's cache.
func (i *invocation) goArgs(line []string, opts supervisor.Options) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	opts.Program, _ = buildid.Of(self) // an unknown program is "" in each run
	execWords, err := gotest.JoinQuoted(append([]string{self, supervisor.Role}, words.Of(opts)...))
	if err != nil {
		return nil, err
	}
	args := []string{"test", "-json", "-exec=" + execWords}
	if i.cfg.Terminal {
		args = append(args, "-p=1")
	}
	toolWords, err := i.toolExec(self)
	if err != nil {
		return nil, err
	}
	if toolWords != "" {
		args = append(args, "-toolexec="+toolWords)
	}
	return append(args, line...), nil
}

// goTimeout returns -timeout, 0 for none.
func (cfg *Config) goTimeout() time.Duration {
	set := gotest.Parse(cfg.Args).Settings()
	timeout, err := time.ParseDuration(cmp.Or(set.Timeout, gotest.DefaultTimeout.String()))
	if err != nil || cfg.Input != nil || len(cfg.Command) > 0 || set.Bench != "" || set.Fuzz != "" || cfg.Stress != nil {
		return 0
	}
	return max(timeout, 0)
}

// toolExec returns the value of -toolexec, "" for none.
func (i *invocation) toolExec(self string) (string, error) {
	var cache linkcache.Cache
	if i.cfg.LinkCache != nil {
		cache = *i.cfg.LinkCache
	}
	if cache.AtOnce, cache.Places = i.buildsAtOnce(), i.listener.Dir(); cache.AtOnce == 0 {
		cache.Places = ""
	}
	if i.cfg.LinkCache == nil && cache.AtOnce == 0 {
		return gotest.JoinQuoted(i.cfg.ToolExec)
	}
	return cache.Toolexec(self, i.cfg.ToolExec)
}

func (i *invocation) environ() []string {
	if i.cfg.Env != nil {
		return i.cfg.Env[:len(i.cfg.Env):len(i.cfg.Env)]
	}
	return os.Environ()
}

// goEnvironment returns the environment of the go command, without the socket.
// Supervisors restore the run's own.
func (i *invocation) goEnvironment(goPath string) []string {
	env := withoutPlaces(slices.Clone(i.environ()))
	for _, v := range i.environ() {
		if dir, ok := strings.CutPrefix(v, "GOTMPDIR="); ok {
			env = append(env, control.TempVariable+"="+dir)
		}
		if program, ok := strings.CutPrefix(v, "GOCACHEPROG="); ok {
			env = append(env, control.ProgramVariable+"="+program)
		}
	}
	if program := i.cacheProgram(goPath); program != "" {
		env = append(env, "GOCACHEPROG="+program)
	}
	if rules := i.cfg.Overrides.Encode(); rules != "" {
		env = append(env, control.OverridesVariable+"="+rules)
		env = append(env, i.cfg.Overrides.StandIns()...)
	}
	if !i.cfg.KeepWork {
		env = append(env, "GOTMPDIR="+i.listener.Dir())
	}
	return env
}
