// Package harness runs go test once: each package's test binary under a
// supervisor and in a process group of its own. It passes the events to
// formatted output, a summary and files. It does not know pgtest's command
// line.
//
// A program that calls [Run] is started again by go test, as the supervisor of
// each test binary and in front of the go command's tools. It must call [Role]
// first thing in main.
package harness

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"pgtest/harness/archive"
	"pgtest/harness/coverage"
	"pgtest/harness/internal/control"
	"pgtest/harness/internal/fuzz"
	"pgtest/harness/internal/words"
	"pgtest/harness/linkcache"
	"pgtest/harness/override"
	"pgtest/harness/rerun"
	"pgtest/harness/roles"
	"pgtest/jsonstream"
	"pgtest/jsonstream/result"
	"pgtest/signals"
)

// Role runs the role in which [Run] has started this program, and then does not
// return. If the program was started otherwise, Role does nothing.
func Role() { roles.Play(os.Args) }

// A LeakPolicy says how a process that a test binary left behind affects the
// result. The process is ended in any case.
type LeakPolicy = override.LeakPolicy

const (
	// WarnLeaks reports leaked processes. The result is not affected.
	WarnLeaks = override.WarnLeaks
	// FailLeaks makes the package fail.
	FailLeaks = override.FailLeaks
	// IgnoreLeaks reports nothing.
	IgnoreLeaks = override.IgnoreLeaks
)

// A Config says what to run and where its results go.
type Config struct {
	// Args are the words after `go test`: flags, packages, arguments of the
	// test binary. They must not contain -exec and -toolexec, which have fields
	// of their own, nor switch -json off.
	Args []string
	// Terminal leaves the controlling terminal to the tests: one package runs
	// at a time, in the caller's process group and session. What the terminal
	// sends to the group, such as SIGINT and SIGTSTP, the tests then get from
	// it. Args must not hold -p, and Command, Input and Isolation must be
	// empty. On macOS and the BSDs only the test binary itself is signalled and
	// ended then, not what it started.
	Terminal bool
	// Archive, unless nil, is read in place of building the tests of Args, and no go
	// command is used. Args must hold no flags that are about the build. It is not
	// together with Command and Input.
	Archive *archive.Header
	// Collect, unless nil, gets the run's directory when all packages have passed
	// and before it is removed, with the coverage profile that go test wrote. Its
	// context ends when the run is asked to end.
	Collect func(ctx context.Context, dir string, profile coverage.Profile) error
	// Command, if it is not empty, is run instead of go test, in a process
	// group of its own and without supervisors: a program that prints what go
	// test -json prints.
	Command []string
	// Input, if it is not nil, is read instead of go test's output. If it has a
	// method Name, as files have, messages call it so.
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
	// Dir is the go command's working directory; "" is the process' own.
	Dir string
	// TempDir is where the run makes a directory for its socket and go's work
	// directory, which it removes at the end; "" is the system's directory for
	// temporary files.
	TempDir string
	// KeepWork makes the go command put its work directory where it usually
	// does, outside the directory that the run removes, for -work.
	KeepWork bool
	// Env is the environment of the go command; nil is the process' own.
	Env []string
	// Stream says how events are shown and kept. If its Stderr is nil, what the
	// go command prints there is dropped, but not the summary. The run's own
	// notices go to its Notices.
	Stream jsonstream.Options
	// Leaks says how leaked processes affect the result.
	Leaks LeakPolicy
	// Parts says of which packages only a part runs, by import path. If there are
	// any, no result comes from go's cache or goes there. They are not for Command,
	// Input and Stress.
	Parts map[string]Part
	// Live, unless nil, draws lines on the terminal that say how far the run is
	// and what is running. They are not part of the output. They are for formats
	// that write whole lines.
	Live *Live
	// Keys acts on keys that are typed while tests run, if Signals delivers them.
	Keys bool
	// Places says how much runs at once.
	Places Places
	// Setups run before the packages that they are for.
	Setups []Setup
	// Overrides say what holds for packages and tests instead of the fields here, and
	// in which groups they are.
	Overrides override.Rules
	// Isolation says which tests get processes of their own.
	Isolation Isolation
	// Stress, unless nil, runs each test binary again and again. Args must then
	// set -timeout to 0.
	Stress *Stress
	// TestTimeout ends a test that runs for longer, by SIGQUIT, then SIGKILL,
	// and makes it fail; 0 is no limit. If its process runs other tests, too,
	// they end with it. The time of a test includes that of its subtests.
	TestTimeout time.Duration
	// Coverage, unless nil, gets the coverage profile of all rounds, an empty one
	// if go test wrote none, and returns lines for the summary. If Args and
	// GOFLAGS have no -coverprofile, go test writes the profile to the run's own
	// directory. It is not called with Command, nor if the profile
	// can't be read or goes to what is no regular file.
	Coverage func(coverage.Profile) string
	// Profile is what Coverage gets with Input; nil is none.
	Profile *coverage.Profile
	// MaxFails ends the run early; the zero value does not.
	MaxFails MaxFails
	// Rerun says which failed tests run again. With Input none does.
	Rerun rerun.Options
	// RerunAlone gives each test that runs again a process of its own.
	RerunAlone bool
	// FailFlaky makes a test that passed only when it ran again a failure.
	FailFlaky bool
	// SlowAfter is the running time after which a test is reported as slow,
	// once, on Stream.Stderr; 0 disables the reports.
	SlowAfter time.Duration
	// Grace is how long tests that were asked to end may take before they are
	// killed; 0 is DefaultGrace. If Signals is set, Grace is not used.
	Grace time.Duration
	// Signals makes the run act on the signals of this process and its
	// terminal. The caller must start it before the run and finish it
	// afterwards; it serves one run. If it is nil, signals and the terminal are
	// left alone.
	Signals *signals.Control
	// DropCanceled drops what the run would print after its context was
	// canceled. Files are written all the same.
	DropCanceled bool
	// ReapOrphans makes the run wait for children of the calling process that
	// the run did not start. The first process of a container gets such
	// children. The process must not wait for children of its own meanwhile.
	ReapOrphans bool
}

// Isolation says which tests run in a process of their own: each top-level
// test, example, and fuzz target's seeds.
type Isolation struct {
	// Packages are patterns of packages: import paths, or absolute paths of
	// directories, with "..." as in the go command's patterns. If there are
	// none, no test gets a process of its own.
	Packages []string
	// Processes is how many tests of a package run at once, or with Stress how
	// many runs; 0 shares GOMAXPROCS among the packages that run.
	Processes int
}

// Fuzz says what to fuzz, in this order, and for how long altogether.
type Fuzz = fuzz.Options

// A FuzzTarget is a fuzz target of a package.
type FuzzTarget = fuzz.Target

// FuzzCommand returns the Command of a Config that fuzzes, with a command line of
// go test for each target.
func FuzzCommand(f Fuzz, line []string) ([]string, error) {
	self, err := os.Executable()
	return append([]string{self, fuzz.Role}, words.Of(f, append([]string{"test"}, line...)...)...), err
}

// Stress says how often and for how long a test binary is run. It is run in
// several processes at once until one of them fails.
type Stress struct {
	// Runs is how often; 0 is no limit.
	Runs int
	// Time is how long new runs of a package begin; 0 is no limit.
	Time time.Duration
	// Timeout is the value of -timeout for each run; 0 is no limit.
	Timeout time.Duration
}

// MaxFails ends a run once so many tests have failed, counted as the summary
// counts them. What runs then is interrupted, and what did not run is reported
// as such.
type MaxFails struct {
	// Count is the number of failures; 0 is no limit.
	Count int
	// Now kills the tests without Grace.
	Now bool
}

// String returns the limit as the flag of the pgtest command.
func (m MaxFails) String() string {
	text := fmt.Sprintf("--max-fails=%d", m.Count)
	if m.Now {
		text += ":now"
	}
	return text
}

// DefaultGrace is the time between the first request to end and SIGKILL.
const DefaultGrace = signals.DefaultGrace

// A Result is the outcome of a run.
type Result struct {
	// ExitCode is the exit status of go test or the command, or 1 if that was
	// killed: in the first round, unless tests ran again and all that had failed
	// passed. If the status is 0, ExitCode is 2 if the events could not be read
	// or end before the packages do; otherwise it is 1 if the events of a
	// command or of input report a failure, or if leaked processes count as
	// one.
	ExitCode int
	// Killed says that go test or the command was killed by a signal that the run
	// did not send.
	Killed bool
	// RerunRefused says that no test ran again because too many had failed, or
	// because of a data race.
	RerunRefused bool
	// TooManyFailed says that Config.MaxFails has ended the run. ExitCode is 1.
	TooManyFailed bool
	// Ran says that events were read. If it is false, nothing was written.
	Ran bool
	// Interrupted says that the run was asked to end before it was done.
	Interrupted bool
	// OutputClosed says that the reader of the formatted output is gone.
	OutputClosed bool
	// Rounds has what came of the packages in each round, if Config.Rerun lets
	// tests run again.
	Rounds [][]result.PackageReport
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

// Leaked reports whether a test binary left processes behind of which there are to be
// reports.
func (r *Result) Leaked(cfg Config) bool {
	return slices.ContainsFunc(r.Processes, func(p Process) bool {
		return len(p.Leaks)+p.MoreLeaks > 0 && cfg.leaksOf(p.Package) != IgnoreLeaks
	})
}

// A Process is one test binary that ran.
type Process struct {
	// Package is the import path of the tested package, or the binary's path if
	// the binary does not say.
	Package string
	// Started is when the supervisor reported the binary's start. Elapsed is
	// the time from there until the binary and all that it started have ended.
	Started time.Time
	Elapsed time.Duration
	// Resources is what the binary and all that it started used.
	Resources Resources
	// Leaks are processes that the binary left behind; MoreLeaks counts those
	// that are not described.
	Leaks     []Leak
	MoreLeaks int
	// Failure is why the binary could not be started or followed to its end, or
	// "".
	Failure string
}

// Run runs go test as cfg says. It returns when go test and everything that it
// started has ended, and the summary and the files are written.
//
// When ctx is done, Run ends the tests as SIGTERM does: it gives them
// cfg.Grace, and reports them as interrupted.
//
// An error means that there was no run, or that a result could not be written.
// Failing tests are no error.
func Run(ctx context.Context, cfg Config) (Result, error) {
	i, err := newInvocation(cfg)
	if err != nil {
		return Result{}, err
	}
	return i.run(ctx)
}
