package main

import (
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
	return together("debug-test",
		clash{c.Watch, "--watch, whose key d debugs failed tests"},
		clash{c.RawCommand, "--raw-command"},
		clash{c.ReadsInput(), "-, which runs no tests"},
		clash{c.Settings.CompileOnly, "-c"},
		clash{c.Settings.DryRun, "-n"},
		clash{c.Settings.List != "", "-list"},
		clash{c.Settings.Fuzz != "", "-fuzz, whose processes are started by the first"},
	)
}

// checkTracer says why tests can't run through a tracer. Behind a program of
// -exec it may be on another machine.
func checkTracer(c *flags.CommandLine) error {
	switch {
	case len(c.Tracer) == 0:
	case c.RawCommand:
		return together("tracer", clash{true, "--raw-command, whose command starts the tests"})
	case c.ReadsInput():
		return together("tracer", clash{true, "-, which runs no tests"})
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
		Line:      c.Line,
		Tests:     c.DebugTests,
		Exec:      c.Settings.Exec,
		Tracer:    c.Tracer,
		Env:       flags.WithoutCI(flags.WithoutOutputs(os.Environ())),
		Overrides: c.Overrides,
		TempDir:   gotest.Env("GOTMPDIR"),
	})
	if err != nil {
		return ownError(c.Gotestsum), fmt.Errorf("--debug-test: %w", err)
	}
	return status, nil
}
