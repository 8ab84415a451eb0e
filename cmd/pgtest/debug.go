package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/debugger"
	"pgtest/harness/gotest"
)

// checkDebug says what --debug-test can't be together with.
func checkDebug(c *flags.CommandLine) error {
	if c.DebugTests == nil {
		return nil
	}
	for _, other := range []struct {
		is   bool
		name string
	}{
		{c.Watch, "--watch, whose key d debugs failed tests"},
		{c.RawCommand, "--raw-command"},
		{c.ReadsInput(), "events from standard input"},
		{c.Settings.CompileOnly, "-c"},
		{c.Settings.DryRun, "-n"},
		{c.Settings.List != "", "-list"},
		{c.Settings.Fuzz != "", "-fuzz, whose processes are started by the first"},
	} {
		if other.is {
			return fmt.Errorf("--debug-test: not together with %s", other.name)
		}
	}
	return nil
}

// checkTracer says why tests can't run through a tracer. Behind a program of
// -exec it may be on another machine.
func checkTracer(c *flags.CommandLine) error {
	switch {
	case len(c.Tracer) == 0:
	case c.RawCommand:
		return errors.New("--tracer: not with --raw-command, whose command starts the tests")
	case c.ReadsInput():
		return errors.New("--tracer: not with -, which runs no tests")
	case len(c.Settings.Exec) == 0:
		if _, err := exec.LookPath(c.Tracer[0]); err != nil {
			return fmt.Errorf("--tracer: %s: not found on PATH", c.Tracer[0])
		}
	}
	return nil
}

// debugTests runs the debugger on tests, and returns its exit status.
func debugTests(c *flags.CommandLine) (int, error) {
	status, err := debugger.Run(debugger.Config{
		Line:    c.Line,
		Tests:   c.DebugTests,
		Exec:    c.Settings.Exec,
		Tracer:  c.Tracer,
		Env:     flags.WithoutCI(flags.WithoutOutputs(os.Environ())),
		TempDir: gotest.Env("GOTMPDIR"),
	})
	if err != nil {
		return ownError(c.Gotestsum), fmt.Errorf("--debug-test: %w", err)
	}
	return status, nil
}
