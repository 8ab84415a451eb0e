//go:build unix

// Package debugger runs a debugger on tests of one package: on the test binary
// that go test builds, in the directory and with the environment and arguments
// with which go test would start it.
package debugger

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"pgtest/harness/gotest"
	"pgtest/harness/gotest/sources"
	"pgtest/harness/internal/pattern"
	"pgtest/harness/internal/watchdog"
	"pgtest/harness/internal/words"
	"pgtest/harness/override"
	"pgtest/signals"
)

// A Config says what to debug.
type Config struct {
	// Line is go test's command line. It may name several packages if one of
	// them has all the tests.
	Line gotest.Line
	// Tests are tests, benchmarks, examples, fuzz targets and subtests, in which
	// the debugger stops. If there are none, it stops nowhere, and what Line
	// selects runs.
	Tests []string
	// Exec is the user's -exec program. It starts the debugger.
	Exec []string
	// Tracer is a program to run in place of dlv, and its arguments. The test
	// binary and its arguments are appended to it.
	Tracer []string
	// Env is the environment of the go command.
	Env []string
	// Overrides say what the tests have in their environment besides.
	Overrides override.Rules
	// TempDir is where the test binary lies meanwhile; "" is the system's
	// directory for temporary files.
	TempDir string
}

// ErrNoDebugger says that dlv is not there.
var ErrNoDebugger = errors.New("dlv: not found on PATH; go install github.com/go-delve/delve/cmd/dlv@latest installs it")

// Find returns the path of dlv.
func Find() (string, error) {
	path, err := exec.LookPath("dlv")
	if err != nil {
		return "", ErrNoDebugger
	}
	return path, nil
}

// A session is the building and the debugging of a test binary. Its directory is
// removed whatever becomes of this process.
type session struct {
	Config
	self     string
	dir      string
	caught   <-chan os.Signal
	watchdog *watchdog.Watchdog // of the present command
}

// Run builds the test binary and runs the debugger on it, as a member of this
// process's group and with its standard files. It returns the debugger's exit
// status, or go test's if that fails. If a signal asks this process to end, it
// dies of it when the command has ended.
func Run(c Config) (int, error) {
	if len(c.Tracer) == 0 {
		if _, err := Find(); err != nil {
			return 0, err
		}
	}
	line, err := c.choose()
	if err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	if c.TempDir == "" {
		c.TempDir = os.TempDir()
	}
	if c.TempDir, err = filepath.Abs(c.TempDir); err != nil {
		return 0, err
	}
	s := &session{Config: c, self: self, caught: signals.Catch(), dir: filepath.Join(c.TempDir, fmt.Sprintf("pgtest-dlv-%d", rand.Uint64N(1e15)))}
	status, err := s.run(line)
	if s.watchdog != nil {
		s.watchdog.Finish(true) // and with it what the debugger left
	}
	signals.ReclaimForeground()
	if status.Signaled() {
		signals.Die(status.Signal())
	}
	return status.ExitStatus(), err
}

// The files of a session.
const (
	binaryFile = "debug.test"
	startFile  = "start"
	stopsFile  = "stops"
)

func (s *session) file(name string) string { return filepath.Join(s.dir, name) }

func (s *session) run(line gotest.Line) (syscall.WaitStatus, error) {
	status, err := s.build(line)
	if err != nil || status != 0 {
		return status, err
	}
	begin, err := readStart(s.file(startFile))
	if err != nil {
		return 0, errors.New("go test has started no test binary")
	}
	command, err := s.command(begin)
	if err != nil {
		return 0, err
	}
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: unix.Getpgrp()}
	return s.do(command, func(sig syscall.Signal) {
		if sig != unix.SIGINT && sig != unix.SIGQUIT { // those the terminal sends to the debugger, too
			s.watchdog.Signal(sig)
		}
	})
}

// build has go test build the binary and tell how it would start it. What go
// test prints on standard output is shown only if it fails.
func (s *session) build(line gotest.Line) (syscall.WaitStatus, error) {
	execWords, err := gotest.JoinQuoted(append([]string{s.self, Role}, words.Of(options{File: s.file(startFile)})...))
	if err != nil {
		return 0, err
	}
	line = s.buildLine(line).With("exec", execWords)
	path, err := exec.LookPath("go")
	if err != nil {
		return 0, errors.New("go: not found on PATH")
	}
	command := exec.Command(path, append([]string{"test"}, line.Words()...)...)
	command.Env, command.Stderr = append(s.Env[:len(s.Env):len(s.Env)], tempVariable+"="+s.dir), os.Stderr
	var output bytes.Buffer
	command.Stdout = &output
	asked := syscall.Signal(0)
	status, err := s.do(command, func(sig syscall.Signal) {
		asked = sig
		s.watchdog.Signal(unix.SIGINT) // go then removes its work directory
	})
	if asked != 0 {
		return syscall.WaitStatus(asked), err
	}
	if err == nil && status != 0 {
		s.watchdog.Finish(true) // all of it is there then
		s.watchdog = nil
		os.Stdout.Write(output.Bytes())
	}
	return status, err
}

// buildLine returns the line that builds the test binary for the tests, with what
// a debugger needs: a file of its own makes go test keep debug information.
func (s *session) buildLine(line gotest.Line) gotest.Line {
	var tests, benchmarks []string
	for _, name := range s.Tests {
		if strings.HasPrefix(name, string(sources.Benchmark)) {
			benchmarks = append(benchmarks, pattern.Exact(name))
		} else {
			tests = append(tests, pattern.Exact(name))
		}
	}
	if len(benchmarks) > 0 {
		line = line.With("bench", strings.Join(benchmarks, "|"))
	}
	switch {
	case len(tests) > 0:
		line = line.With("run", strings.Join(tests, "|"))
	case len(benchmarks) > 0:
		line = line.With("run", "^$")
	}
	if line.Value("gcflags") == "" && !strings.Contains(gotest.Env("GOFLAGS"), "-gcflags=") {
		line = line.With("gcflags", "all=-N -l")
	}
	return line.With("timeout", "0").With("json", "false").With("vet", "off").With("o", s.file(binaryFile))
}

// command returns the debugger's command, for a binary that go test would start
// as begin says.
func (s *session) command(begin start) (*exec.Cmd, error) {
	debugger, args := s.Tracer, begin.args()
	if len(debugger) == 0 {
		dlv, err := Find()
		if err != nil {
			return nil, err
		}
		var stops strings.Builder
		var roots []string
		for _, test := range s.Tests {
			root, _, _ := strings.Cut(test, "/")
			if !slices.Contains(roots, root) {
				roots = append(roots, root)
				fmt.Fprintf(&stops, "break %s\n", root)
			}
		}
		stops.WriteString("continue\n")
		if err := os.WriteFile(s.file(stopsFile), []byte(stops.String()), 0o600); err != nil {
			return nil, err
		}
		debugger, args = []string{dlv, "exec", "--init", s.file(stopsFile)}, append([]string{"--"}, args...)
		if !haveTerminal() {
			debugger = append(debugger, "--allow-non-terminal-interactive=true")
		}
	}
	argv := slices.Concat(s.Exec, debugger, []string{s.file(binaryFile)}, args)
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, fmt.Errorf("%s: not found on PATH", argv[0])
	}
	return &exec.Cmd{Path: path, Args: argv, Dir: string(begin.Dir), Env: s.restored(s.overridden(begin.env()))}, nil
}

// overridden returns an environment as overrides have it for the binary's package.
func (s *session) overridden(env []string) []string {
	info, err := buildinfo.ReadFile(s.file(binaryFile))
	if err != nil {
		return env
	}
	return s.Overrides.Package(strings.TrimSuffix(info.Path, ".test")).Environ(env)
}

// tempVariable says where the go command makes its work directory: in the
// session's, while it builds.
const tempVariable = "GOTMPDIR"

// restored returns an environment with the user's own tempVariable.
func (s *session) restored(env []string) []string {
	isTemp := func(v string) bool { return strings.HasPrefix(v, tempVariable+"=") }
	env = slices.DeleteFunc(env, isTemp)
	if at := slices.IndexFunc(s.Env, isTemp); at >= 0 {
		env = append(env, s.Env[at])
	}
	return env
}

// haveTerminal reports whether all standard files are terminals.
func haveTerminal() bool {
	return !slices.ContainsFunc([]*os.File{os.Stdin, os.Stdout, os.Stderr}, func(f *os.File) bool {
		return !term.IsTerminal(int(f.Fd()))
	})
}

// do runs a command below a watchdog of its own, which takes the place of the
// one before it, and has signalled do what is to be done with a signal.
func (s *session) do(command *exec.Cmd, signalled func(syscall.Signal)) (syscall.WaitStatus, error) {
	open := func() error {
		if s.watchdog != nil {
			s.watchdog.HandOver(true)
			return nil
		}
		return os.Mkdir(s.dir, 0o700)
	}
	next, err := watchdog.Start([]string{s.self, watchdog.Role}, []string{s.dir}, open, command)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", command.Args[0], err)
	}
	s.watchdog = next
	for {
		select {
		case sig := <-s.caught:
			signalled(sig.(syscall.Signal))
		case <-next.Ended():
			status, known := next.Status()
			if !known {
				return 0, errors.New("the watchdog was killed")
			}
			return status, nil
		}
	}
}
