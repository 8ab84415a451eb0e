// Package harness runs go test once: every package's test binary under a
// supervisor and in a process group of its own, its events as formatted
// output, a summary and files. It knows nothing of the words on pgtest's
// command line.
//
// A program that calls [Run] is started again by go test, as the supervisor of
// each test binary and in front of the go command's tools. It must call [Role]
// first thing in main.
package harness

import (
	"context"
	"io"
	"os"
	"time"

	"pgtest/harness/internal/control"
	"pgtest/harness/linkcache"
	"pgtest/harness/roles"
	"pgtest/jsonstream"
	"pgtest/jsonstream/result"
	"pgtest/signals"
)

// Role runs the role that the program was started in by [Run], if it was, and
// then does not return. Otherwise it does nothing.
func Role() { roles.Play(os.Args) }

// LeakPolicy says what a process means that a test binary left behind. It is
// ended in any case.
type LeakPolicy int

const (
	// WarnLeaks reports leaked processes. The result stays as it is.
	WarnLeaks LeakPolicy = iota
	// FailLeaks makes the package fail.
	FailLeaks
	// IgnoreLeaks says nothing.
	IgnoreLeaks
)

// A Config says what to run and where its results go.
type Config struct {
	// Args are the words behind `go test`: flags, packages, arguments of the
	// test binary. They must not hold -exec and -toolexec, which have fields of
	// their own, nor switch -json off.
	Args []string
	// Terminal leaves the controlling terminal to the tests: one package runs
	// at a time, in the caller's process group and session. What the terminal
	// sends to the group, such as SIGINT and SIGTSTP, the tests then get from
	// it. Args must not hold -p, and Command, Input and Isolation must be
	// empty. On macOS and the BSDs only the test binary itself is signalled and
	// ended then, not what it started.
	Terminal bool
	// Command, if it is not empty, is run instead of go test, in a process
	// group of its own and without supervisors: a program that prints what go
	// test -json prints.
	Command []string
	// Input, if it is not nil, is read instead of go test's output.
	Input io.Reader
	// Exec is the user's -exec program and its arguments. It runs inside the
	// test binary's process group. As with go test, results are then not
	// cached.
	Exec []string
	// ToolExec is the user's -toolexec program and its arguments.
	ToolExec []string
	// LinkCache keeps linked test binaries between runs; nil links every time.
	// It is trimmed while the run goes on.
	LinkCache *linkcache.Cache
	// GoCommand is the go command; "" is go, looked up on PATH.
	GoCommand string
	// Dir is the go command's working directory; "" is the process' own.
	Dir string
	// TempDir is where the run makes a directory for its socket and go's work
	// directory, which it removes at the end; "" is the system's directory for
	// temporary files.
	TempDir string
	// KeepWork lets the go command make its work directory where it always
	// does, and so lets it stay, for -work.
	KeepWork bool
	// Env is the environment of the go command; nil is the process' own.
	Env []string
	// Stream says how events are shown and kept. If its Stderr is nil, what the
	// go command says there is dropped, summary excepted. Its Notices are the
	// run's.
	Stream jsonstream.Options
	// Leaks says what leaked processes mean.
	Leaks LeakPolicy
	// Progress shows on the terminal, if Stream.Stdout is one, what is running:
	// as a last line that is no part of the output. It is for formats that
	// write whole lines.
	Progress bool
	// Isolation says which tests get processes of their own.
	Isolation Isolation
	// TestTimeout ends a test that runs for longer, by SIGQUIT, then SIGKILL,
	// and makes it fail; 0 is no limit. If its process runs other tests, too,
	// they end with it. The time of a test includes that of its subtests.
	TestTimeout time.Duration
	// SlowAfter is how long a test runs when it is reported as slow, once, on
	// Stream.Stderr; 0 is never.
	SlowAfter time.Duration
	// Grace is how long tests that were told to end may take before they are
	// killed; 0 is DefaultGrace. With Signals it is not used.
	Grace time.Duration
	// Signals makes the run do what the signals of this process and its
	// terminal ask for. The caller starts it before the run and finishes it
	// afterwards; it is good for one run. nil leaves signals and the terminal
	// alone.
	Signals *signals.Control
	// ReapOrphans waits for children of the calling process that the run did
	// not start, as fall to the first process of a container. The process must
	// not wait for children of its own meanwhile.
	ReapOrphans bool
}

// Isolation says which tests run in a process of their own: each top-level
// test, example, and fuzz target's seeds.
type Isolation struct {
	// Packages are patterns of packages: import paths, or absolute paths of
	// directories, with "..." as the go command takes it. None means no test.
	Packages []string
	// Processes is how many tests of a package run at once; 0 shares GOMAXPROCS
	// among the packages that run.
	Processes int
}

// DefaultGrace is the time between the first request to end and SIGKILL.
const DefaultGrace = signals.DefaultGrace

// A Result is what came of a run.
type Result struct {
	// ExitCode is the status that go test or the command exited with, 1 if it
	// was killed. In place of 0 it is 2 if the events could not be read or end
	// before the packages that they tell of; otherwise 1 if the events of a
	// command or of input tell of a failure, or if leaked processes count as
	// one.
	ExitCode int
	// Ran says that events were read. If not, nothing was written.
	Ran bool
	// Interrupted says that the run was asked to end before its time.
	Interrupted bool
	// OutputClosed says that nobody reads the formatted output any more.
	OutputClosed bool
	// Report holds the results that were read from the events.
	Report result.Report
	// Processes holds a record of each test binary that ran, in the order of
	// their starts. A cached package has none.
	Processes []Process
}

// Leak is a process that a test binary left behind.
type Leak = control.Leak

// Resources is what a package's processes used.
type Resources = control.Resources

// A Process is one test binary that ran.
type Process struct {
	// Package is its import path, or the binary's path if it can't be told.
	Package string
	// Started is when the supervisor reported its start; Elapsed the time from
	// there to its end and the end of all that it started.
	Started time.Time
	Elapsed time.Duration
	// Resources is what it and all that it started used.
	Resources Resources
	// Leaks are processes that it left behind; MoreLeaks counts those that are
	// not described.
	Leaks     []Leak
	MoreLeaks int
	// Failure says why it could not be started or followed to its end; "" if it
	// was.
	Failure string
}

// Run runs go test as cfg says, and returns when it and everything that it
// started has ended, and the summary and the files are written.
//
// When ctx is done the tests are told to end as SIGTERM does: they get
// cfg.Grace, and are reported as interrupted.
//
// An error says that there was no run, or that a result could not be written.
// Tests that fail are no error.
func Run(ctx context.Context, cfg Config) (Result, error) {
	i, err := newInvocation(cfg)
	if err != nil {
		return Result{}, err
	}
	return i.run(ctx)
}
