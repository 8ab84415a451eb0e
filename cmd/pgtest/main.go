// Pgtest is go test with a process group for every test binary: signals for
// the tests reach the tests and nothing else, and nothing that a test started
// outlives the run. See pgtest -h.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness"
	"pgtest/harness/gotest"
	"pgtest/harness/roles"
	_ "pgtest/harness/roles/earlytool"
	"pgtest/harness/steady"
	"pgtest/jsonstream"
	"pgtest/jsonstream/ci"
	"pgtest/jsonstream/junit"
	"pgtest/signals"
)

func main() {
	roles.Play(os.Args)
	status, err := command(os.Args[1:], filepath.Base(os.Args[0]) == gotestsumName)
	if err != nil {
		printError(err)
	}
	os.Exit(status)
}

// printError prints an error for the user: a line for each that it joins. An
// error that comes from several places, such as of a file that is written and
// then closed, is printed once.
func printError(err error) {
	var lines []string
	for _, line := range strings.Split(err.Error(), "\n") {
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
			fmt.Fprintf(steady.Writer(os.Stderr), "pgtest: %s\n", line)
		}
	}
}

// usageStatus is the exit status for a command line or a surrounding that
// pgtest can't work with. Go test uses the same.
const usageStatus = 2

// gotestsumName is the name by which pgtest is gotestsum.
const gotestsumName = "gotestsum"

// The exit statuses of gotestsum: for all its own errors, and for a command that
// was killed by a signal.
const (
	gotestsumError  = 3
	gotestsumKilled = 127
)

// ownError is the exit status for an error of pgtest's own.
func ownError(gotestsum bool) int {
	if gotestsum {
		return gotestsumError
	}
	return usageStatus
}

// command runs a command line and returns the exit status. An error is for
// the user, as one line.
func command(args []string, gotestsum bool) (int, error) {
	usageStatus := ownError(gotestsum)
	switch {
	case len(args) > 1 && args[0] == "tool" && runTool(args[1]) != nil:
		// It is no shard, though the variables of its pipeline may say so for all jobs.
		os.Unsetenv("PGTEST_SHARD")
		os.Unsetenv("PGTEST_SHARD_PLAN")
		return runTool(args[1])(args[2:], gotestsum)
	case len(args) > 0 && args[0] == "tool":
		return tool(args[1:], gotestsum)
	case gotestsum && len(args) > 0 && (args[0] == "help" || args[0] == "?"):
		args = []string{"--help"}
	}
	c, err := flags.Parse(args, gotestsum)
	if err != nil {
		return usageStatus, err
	}
	dir, rest, changes := c.ChangesDir(args)
	switch {
	case c.Help:
		return 0, flags.Help(steady.Writer(os.Stdout), gotestsum)
	case c.Version && gotestsum:
		_, err := fmt.Println("gotestsum version", gotestsumVersion())
		return 0, err
	case c.Version:
		_, err := fmt.Println("pgtest", version())
		return 0, err
	case c.RawCommand && len(c.Command) == 0:
		return usageStatus, errors.New("--raw-command: a command is missing")
	case changes && c.Archive != "":
		return usageStatus, errors.New("--archive: not with -C: its tests have directories of their own")
	case changes:
		return usageStatus, changeDirectory(dir, rest)
	}
	if c, err = c.Fit(check); err != nil {
		return usageStatus, err
	}
	c.SayMisspelt(steady.Writer(os.Stderr))
	if c.DebugTests != nil {
		return debugTests(c)
	}
	if (c.Settings.CompileOnly || c.Settings.DryRun) && !c.Watch {
		if c, err = reachedLine(c, steady.Writer(os.Stderr)); err != nil {
			return usageStatus, err
		}
		if c.RunsNothing() {
			return 0, nil
		}
		return usageStatus, runGo(c.Line)
	}
	sayWhatRuns(steady.Writer(os.Stderr), c)
	return run(c)
}

// run runs the tests with this process's signals and terminal, and ends the
// process. It returns only if these can't be used.
func run(c *flags.CommandLine) (int, error) {
	if err := openTerminal(c); err != nil {
		return ownError(c.Gotestsum), err
	}
	control, err := startSignals(c, false)
	if err != nil {
		return ownError(c.Gotestsum), err
	}
	work := func() (int, error) {
		_, status, err := runChosen(context.Background(), c, control)
		return status, err
	}
	if c.Watch {
		work = func() (int, error) { return watchTests(c, control) }
	}
	status, err := work()
	if err != nil {
		control.After("a message", func() { printError(err) })
	}
	control.Exit(status)
	return status, nil
}

// runChosen runs what --changed and --failed leave of what the line names.
func runChosen(ctx context.Context, c *flags.CommandLine, control *signals.Control) (harness.Result, int, error) {
	line, err := c, error(nil)
	if !control.Before(func() { line, err = reachedLine(c, steady.Writer(os.Stderr)) }) || err != nil {
		return harness.Result{}, ownError(c.Gotestsum), err
	}
	if line.Failed != flags.NotFailed && !line.RunsNothing() {
		return runFailed(ctx, line, control)
	}
	return runTests(ctx, line, control)
}

// runTests is run up to the exit status. A run that was asked to end before it
// began has none of its own: the signal says it. If ctx is canceled, the run
// ends and prints nothing more.
func runTests(ctx context.Context, c *flags.CommandLine, control *signals.Control) (harness.Result, int, error) {
	var cfg harness.Config
	var files *files
	var err error
	if !control.Before(func() { cfg, files, err = prepare(c) }) {
		return harness.Result{}, ownError(c.Gotestsum), nil
	}
	if err != nil {
		return harness.Result{}, ownError(c.Gotestsum), err
	}
	cfg.Signals = control
	result, err := harness.Run(ctx, cfg)
	write := func() error {
		if cfg.Args != nil {
			c.SayMeant(steady.Writer(os.Stderr), result.Report.Packages)
		}
		if !result.Ran {
			files.abort()
			return nil
		}
		if len(result.Rounds) > 1 {
			files.writeReruns(result.Rounds)
		}
		files.endShard(result)
		return errors.Join(files.commit(), files.coverage.absent(result))
	}
	var commitErr error
	if !control.After("writing the files", func() { commitErr = write() }) || !result.Ran {
		return result, ownError(c.Gotestsum), err
	}
	if err == nil && result.ExitCode == 0 && !result.Interrupted && result.Report.Empty && c.Source() != "" {
		err = fmt.Errorf("%s: no events of go test -json", c.Source())
	}
	err = errors.Join(err, commitErr)
	if c.Merge != nil {
		result.ExitCode = max(result.ExitCode, c.Merge.Status)
	}
	missed := files.coverage.missed(result)
	if missed != nil {
		result.ExitCode = cmp.Or(result.ExitCode, 1)
	}
	status := statusOf(c, result, err)
	err = errors.Join(err, missed)
	keep(control, files.history, result, status)
	annotate(control, files, result.Report, result.Leaked(cfg))
	if ctx.Err() != nil {
		return result, status, err // a newer run follows, and has a command of its own
	}
	if hookErr := postRun(c, control, result, status); hookErr != nil {
		err = errors.Join(err, hookErr)
		status = statusOf(c, result, err)
	}
	return result, status, err
}

// check returns the first error of flags that don't go together. If they all do, it
// finds which shard is asked for.
func check(c *flags.CommandLine) error {
	for _, part := range []func(*flags.CommandLine) error{checkArchive, checkProcs, checkChanged, checkFailed, checkFuzzAll, checkRerun, checkStress, checkCoverage, checkShard, checkDebug, checkTracer, checkTerminal, checkWatch} {
		if err := part(c); err != nil {
			return err
		}
	}
	return c.FindShard()
}

// checkRerun says why failed tests can't run again or end the run, if they are
// to.
func checkRerun(c *flags.CommandLine) error {
	reruns := c.Rerun.Attempts > 0
	return cmp.Or(
		together("max-fails", clash{c.MaxFails.Count > 0 && c.ReadsInput(), "-, which runs no tests"}),
		together("rerun-fails",
			clash{reruns && c.ReadsInput(), "-, which runs no tests"},
			clash{reruns && c.Settings.Fuzz != "", "-fuzz, which would search anew"}),
	)
}

// statusOf returns the exit status of a run with an error of its own, or nil.
func statusOf(c *flags.CommandLine, result harness.Result, err error) int {
	switch {
	case c.Gotestsum && err != nil:
		return gotestsumError
	case c.Gotestsum && (result.TooManyFailed || result.RerunRefused):
		return gotestsumError
	case c.Gotestsum && result.Killed:
		return gotestsumKilled
	case err != nil && result.ExitCode == 0:
		return usageStatus
	}
	return result.ExitCode
}

// prepare opens what a run needs and says how it is to be.
func prepare(c *flags.CommandLine) (harness.Config, *files, error) {
	files, err := openFiles(c)
	if err != nil {
		return harness.Config{}, nil, err
	}
	env := flags.WithoutCI(flags.WithoutOutputs(os.Environ()))
	setColor(useColor(c.Color, os.Stdout)) // which may change the environment
	cfg := harness.Config{
		Env:         env,
		Exec:        slices.Concat(c.Settings.Exec, c.Tracer),
		ToolExec:    c.Settings.ToolExec,
		Stream:      streamOptions(c, files),
		Leaks:       c.Leaks,
		Isolation:   c.Isolation,
		Places:      harness.Places{Packages: c.PackageProcs, Groups: c.Groups},
		Overrides:   c.Overrides,
		Setups:      c.Setups,
		Terminal:    c.TTY == flags.TTYTests,
		TestTimeout: c.TestTimeout,
		Stress:      c.Stress,
		SlowAfter:   c.SlowAfter,
		MaxFails:    c.MaxFails,
		Rerun:       c.Rerun.Options,
		RerunAlone:  c.Rerun.Alone,
		FailFlaky:   c.Rerun.FailFlaky,
		TempDir:     gotest.Env("GOTMPDIR"),
		KeepWork:    c.Settings.KeepWork,
		Dir:         c.Dir,
		ReapOrphans: true,

		DropCanceled: c.Watch,
		Parts:        c.Parts,
	}
	cfg.Stream.Quarantine = quarantines(c, time.Now())
	if files.coverage, err = newCoverageReport(c, cfg.Stream, files); err != nil {
		files.abort()
		return harness.Config{}, nil, err
	}
	if files.coverage != nil {
		cfg.Coverage = files.coverage.take
	}
	if files.history = beginHistory(c); files.history != nil {
		cfg.Stream.History = files.history
	}
	if showsLive(c, cfg.Stream) {
		cfg.Live = liveOptions(c)
	}
	cfg.Keys = hasKeys(c)
	switch {
	case c.ReadsInput():
		cfg.Input = os.Stdin
		if c.Input != nil {
			cfg.Input = c.Input
		}
		if c.Merge != nil {
			cfg.Profile = &c.Merge.Profile
		}
	case c.RawCommand:
		cfg.Command = c.Command
	case c.FuzzAll > 0:
		if err := takeTargets(c, &cfg, files); err != nil {
			files.abort()
			return harness.Config{}, nil, err
		}
	default:
		cfg.Args = ordered(c).EventWords()
		if c.Stress != nil {
			cfg.Args = stressWords(c)
		}
		switch {
		case c.Shard.Total > 0:
			err = takeShard(c, &cfg, files)
		case c.RunsNothing():
			err = takeNothing(c, &cfg, files)
		}
		if err != nil {
			files.abort()
			return harness.Config{}, nil, err
		}
		switch {
		case c.Archived == nil:
			cfg.LinkCache = openLinkCache(c)
		case cfg.Input == nil: // as it is for a shard without packages
			cfg.Archive = c.Archived
		}
		if c.Settings.Fuzz != "" {
			cfg.TestTimeout, cfg.SlowAfter = 0, 0 // a fuzz target runs for as long as it is told to
			cfg.Overrides = cfg.Overrides.ForFuzzing()
		}
	}
	return cfg, files, nil
}

// streamOptions says how the events are shown. What the go command would print
// for -json and -list stays alone on standard output.
func streamOptions(c *flags.CommandLine, files *files) jsonstream.Options {
	set := c.Settings
	opts := jsonstream.Options{
		Stdout:            os.Stdout,
		Stderr:            os.Stderr,
		Format:            c.Format,
		Icons:             c.Icons,
		HideEmptyPackages: c.HideEmpty,
		Summary:           c.Summary,
		Resources:         c.Resources,
		Slowest:           c.Slowest,
		BuildToStderr:     set.PrintCommands,
		PlainToStderr:     c.ForeignToStderr,
	}
	switch {
	case c.Format != "":
	case set.JSON:
		opts.Format, opts.NoSummary = "standard-json", true
	case set.List != "":
		opts.Format, opts.NoSummary = "standard-quiet", true
	case set.Verbose, set.Bench != "", set.Fuzz != "", c.FuzzAll > 0:
		opts.Format, opts.Terse = "standard-verbose", !set.Verbose
	default:
		opts.Format = "pkgname"
	}
	if c.Format == "" && !opts.NoSummary && c.CI == ci.TeamCity && !c.Watch {
		opts.Format = string(ci.TeamCity)
	}
	if files.json != nil {
		opts.JSONFile = flagged{"--jsonfile", files.json}
	}
	if files.timing != nil {
		opts.TimingFile = flagged{"--jsonfile-timing-events", files.timing}
	}
	if files.timeline != nil {
		opts.Timeline = flagged{"--timeline", files.timeline}
	}
	places := findPlaces(c)
	if !c.Watch && set.List == "" {
		opts.CI, opts.Places = c.CI, places
		opts.Summaries = files.summaries(c.CI)
	}
	if files.junit != nil {
		opts.JUnit = &junit.Options{
			Out:               flagged{"--junitfile", files.junit},
			ProjectName:       c.JUnit.Project,
			SuiteName:         c.JUnit.SuiteName,
			ClassName:         c.JUnit.ClassName,
			HideEmptyPackages: c.JUnit.HideEmpty,
			HideSkippedTests:  c.JUnit.HideSkipped,
			Schema:            c.JUnit.Schema,
			Output:            c.JUnit.Output,
			MaxOutput:         c.JUnit.MaxOutput,
			Places:            places,
		}
	}
	opts.Report = pageOptions(c, files, places)
	return opts
}

// version is the module's version, or the revision that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	return fmt.Sprintf("%s (gotestsum %s, %s)", info.Main.Version, gotestsumVersion(), info.GoVersion)
}

// gotestsumVersion is the version of gotestsum that pgtest does as.
func gotestsumVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	return moduleVersion(info, "gotest.tools/gotestsum")
}

func moduleVersion(info *debug.BuildInfo, path string) string {
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return "(unknown)"
}
