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
	for _, other := range []struct {
		is   bool
		name string
	}{
		{c.Rerun.Attempts > 0, "--rerun-fails"},
		{c.RawCommand, "--raw-command"},
		{c.ReadsInput(), "events from standard input"},
		{len(c.Isolation.Packages) > 0, "--isolate=test"},
		{c.TTY == flags.TTYTests, "--tty=tests"},
		{c.Settings.CompileOnly, "-c"},
		{c.Settings.DryRun, "-n"},
		{c.Settings.List != "", "-list"},
		{c.Settings.Bench != "", "-bench"},
		{c.Settings.Fuzz != "", "-fuzz"},
		{c.Settings.Profile != "", "the profile " + c.Settings.Profile},
	} {
		if other.is {
			return fmt.Errorf("--stress: not together with %s", other.name)
		}
	}
	if c.MaxFails.Count == 0 {
		c.MaxFails.Count = 1
	}
	c.Stress.Timeout = defaultTimeout
	if text := c.Settings.Timeout; text != "" {
		var err error
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
