package main

import (
	"fmt"
	"time"

	"pgtest/cmd/pgtest/internal/flags"
)

// defaultTimeout is go test's -timeout.
const defaultTimeout = 10 * time.Minute

// checkStress completes what --stress asks for: the first failure ends the run.
// It returns an error where the other words need one process of the test binary,
// or none.
func checkStress(c *flags.CommandLine) error {
	if c.Stress == nil {
		return nil
	}
	err := together("stress",
		clash{c.Rerun.Attempts > 0, "--rerun-fails"},
		clash{c.RawCommand, "--raw-command"},
		clash{c.ReadsInput(), "-, which runs no tests"},
		clash{len(c.Isolation.Packages) > 0, "--isolate=test"},
		clash{c.TTY == flags.TTYTests, "--tty=tests"},
		clash{c.Settings.CompileOnly, "-c"},
		clash{c.Settings.DryRun, "-n"},
		clash{c.Settings.List != "", "-list"},
		clash{c.Settings.Bench != "", "-bench"},
		clash{c.Settings.Fuzz != "", "-fuzz"},
		clash{c.Settings.Profile != "", "the profile " + c.Settings.Profile},
	)
	if err != nil {
		return err
	}
	if c.MaxFails.Count == 0 {
		c.MaxFails.Count = 1
	}
	c.Stress.Timeout = defaultTimeout
	if text := c.Settings.Timeout; text != "" {
		if c.Stress.Timeout, err = time.ParseDuration(text); err != nil {
			return fmt.Errorf("-timeout: bad value %q", text)
		}
	}
	return nil
}

// stressWords are the words of go test for --stress. The limit of -timeout is
// for each run, and go's for all of them together. Go caches no result, because
// no run writes a log of what it reads.
func stressWords(c *flags.CommandLine) []string {
	return c.Line.With("timeout", "0").EventWords()
}
