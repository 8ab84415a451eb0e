// Pgtest is go test with a process group for every test binary: signals for
// the tests reach the tests and nothing else, and nothing that a test started
// outlives the run. See pgtest -h.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"pgtest/harness"
	"pgtest/harness/roles"
	"pgtest/harness/steady"
	"pgtest/jsonstream"
	"pgtest/jsonstream/format"
	"pgtest/jsonstream/junit"
	"pgtest/signals"
)

func main() {
	roles.Play(os.Args)
	status, err := command(os.Args[1:])
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

// command runs a command line and returns the exit status. An error is for
// the user, as one line.
func command(args []string) (int, error) {
	if len(args) > 0 && args[0] == "tool" {
		return tool(args[1:])
	}
	o, w, err := parse(args)
	switch {
	case err != nil:
		return usageStatus, err
	case o.help:
		return 0, help(steady.Writer(os.Stdout))
	case o.version:
		_, err := fmt.Println("pgtest", version())
		return 0, err
	case o.rawCommand && len(w.command) == 0:
		return usageStatus, errors.New("--raw-command: a command is missing")
	case o.rawCommand:
		return run(o, w)
	case w.goes.chdir.words > 0:
		return usageStatus, changeDirectory(args, w.goes.chdir)
	}
	w.sayMisspelt(steady.Writer(os.Stderr))
	if w.goes.compileOnly || w.goes.dryRun {
		return usageStatus, runGo(w.goes)
	}
	return run(o, w)
}

// source names where the events come from, "" for go test.
func (w words) source() string {
	switch {
	case w.readsInput():
		return os.Stdin.Name()
	case len(w.command) > 0:
		return w.command[0]
	}
	return ""
}

// setSource says where the events come from: go test, the command behind
// --raw-command, or standard input if the only word besides our flags is -.
func (w words) setSource(o *options, cfg *harness.Config) {
	switch {
	case w.readsInput():
		cfg.Input = os.Stdin
	case !o.rawCommand:
		cfg.Args = w.goes.args
		cfg.LinkCache = openLinkCache(o.linkCache, w.goes.goFlags)
		if w.goes.fuzz != "" {
			cfg.TestTimeout, cfg.SlowAfter = 0, 0 // a fuzz target runs for as long as it is told to
		}
	default:
		cfg.Command = w.command
	}
}

// run runs the tests with this process's signals and terminal, and ends the
// process. It returns only if these can't be used.
func run(o *options, w words) (int, error) {
	if err := checkTerminal(o, w); err != nil {
		return usageStatus, err
	}
	control, err := startSignals(o, w)
	if err != nil {
		return usageStatus, err
	}
	status, err := runTests(o, w, control)
	if err != nil {
		control.After("a message", func() { printError(err) })
	}
	control.Exit(status)
	return status, nil
}

// runTests is run up to the exit status. A run that was asked to end before it
// began has none of its own: the signal says it.
func runTests(o *options, w words, control *signals.Control) (int, error) {
	var cfg harness.Config
	var files *files
	var err error
	if !control.Before(func() { cfg, files, err = prepare(o, w) }) {
		return usageStatus, nil
	}
	if err != nil {
		return usageStatus, err
	}
	cfg.Signals = control
	result, err := harness.Run(context.Background(), cfg)
	write := func() error {
		if cfg.Args != nil {
			w.sayMeant(steady.Writer(os.Stderr), result.Report.Packages)
		}
		if !result.Ran {
			files.abort()
			return nil
		}
		return files.commit()
	}
	var commitErr error
	if !control.After("writing the files", func() { commitErr = write() }) || !result.Ran {
		return usageStatus, err
	}
	if err == nil && result.ExitCode == 0 && !result.Interrupted && result.Report.Empty && w.source() != "" {
		err = fmt.Errorf("%s: no events of go test -json", w.source())
	}
	err = errors.Join(err, commitErr)
	status := result.ExitCode
	if err != nil && status == 0 {
		status = usageStatus
	}
	return status, err
}

// prepare opens what a run needs and says how it is to be.
func prepare(o *options, w words) (harness.Config, *files, error) {
	files, err := openFiles(o)
	if err != nil {
		return harness.Config{}, nil, err
	}
	setColor(useColor(o.color, os.Stdout))
	cfg := harness.Config{
		Env:         withoutOutputs(os.Environ()),
		Exec:        w.goes.exec,
		ToolExec:    w.goes.toolExec,
		Stream:      streamOptions(o, w.goes.goFlags, files),
		Leaks:       o.leaks,
		Isolation:   o.isolation,
		Terminal:    o.tty == ttyTests,
		TestTimeout: o.testTimeout,
		SlowAfter:   o.slowAfter,
		TempDir:     goEnv("GOTMPDIR"),
		KeepWork:    w.goes.keepWork,
		ReapOrphans: true,
	}
	cfg.Progress = showProgress(o, cfg.Stream)
	w.setSource(o, &cfg)
	return cfg, files, nil
}

// streamOptions says how the events are shown. What the go command would print
// for -json and -list stays alone on standard output.
func streamOptions(o *options, f goFlags, files *files) jsonstream.Options {
	opts := jsonstream.Options{
		Stdout:            os.Stdout,
		Stderr:            os.Stderr,
		Format:            o.format,
		Icons:             o.icons,
		HideEmptyPackages: o.hideEmpty,
		Summary:           o.hideSummary,
		Resources:         o.resources,
		BuildToStderr:     f.printCommands,
	}
	switch {
	case o.format != "":
	case f.json:
		opts.Format, opts.NoSummary = "standard-json", true
	case f.list != "":
		opts.Format, opts.NoSummary = "standard-quiet", true
	case f.verbose, f.bench != "", f.fuzz != "":
		opts.Format, opts.Terse = "standard-verbose", !f.verbose
	default:
		opts.Format = "pkgname"
	}
	if files.json != nil {
		opts.JSONFile = flagged{"--jsonfile", files.json}
	}
	if files.junit != nil {
		suiteName, _ := junit.NameFormat(o.junit.suiteName)
		className, _ := junit.NameFormat(o.junit.className)
		opts.JUnit = &junit.Options{
			Out:               flagged{"--junitfile", files.junit},
			ProjectName:       o.junit.project,
			SuiteName:         suiteName,
			ClassName:         className,
			HideEmptyPackages: o.junit.hideEmpty,
			HideSkippedTests:  o.junit.hideSkipped,
		}
	}
	return opts
}

// showProgress decides whether a terminal gets a line that says what is running.
// It would be drawn over what tests write to a terminal that they have.
func showProgress(o *options, opts jsonstream.Options) bool {
	return o.progress == "auto" && o.tty != ttyTests && !opts.NoSummary && format.WritesLines(opts.Format) &&
		!slices.Contains([]string{"", "dumb"}, os.Getenv("TERM"))
}

// version is the module's version, or the revision that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	return fmt.Sprintf("%s (gotestsum %s, %s)", info.Main.Version, moduleVersion(info, "gotest.tools/gotestsum"), info.GoVersion)
}

func moduleVersion(info *debug.BuildInfo, path string) string {
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return "(unknown)"
}
