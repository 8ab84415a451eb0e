package main

import (
	"fmt"
	"os"
	"strconv"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/signals"
)

// checkTerminal says what --tty=tests can't be together with.
func checkTerminal(c *flags.CommandLine) error {
	if c.TTY != flags.TTYTests {
		return nil
	}
	atOnce, err := strconv.ParseInt(c.Line.Value("p"), 0, 0)
	return together("tty="+flags.TTYTests,
		clash{c.RawCommand, "--raw-command, whose command starts the tests"},
		clash{c.ReadsInput(), "-, which runs no tests"},
		clash{len(c.Isolation.Packages) > 0, "--isolate=test, which gives each test a process group of its own"},
		clash{err == nil && atOnce != 1, fmt.Sprintf("-p=%d: one package runs at a time", atOnce)},
	)
}

// openTerminal says why the tests can't have the terminal, if they are to.
func openTerminal(c *flags.CommandLine) error {
	if c.TTY != flags.TTYTests {
		return nil
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("--tty=%s: there is no controlling terminal: %w", flags.TTYTests, err)
	}
	return tty.Close()
}

// startSignals catches the signals for a run, or for one that builds tests alone, and
// holds the terminal if it must. The writer of recorded events, often in the same
// pipeline, has to get its Ctrl-C itself.
func startSignals(c *flags.CommandLine, builds bool) (*signals.Control, error) {
	opts := signals.Options{Grace: c.Grace, Output: os.Stdout, Errors: os.Stderr, TestsHaveTerminal: c.TTY == flags.TTYTests, Builds: builds}
	if c.TTY == "auto" && !c.ReadsInput() {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		opts.Keeper = []string{self, signals.KeeperRole}
		opts.Keys = c.Watch && isTerminal(os.Stdin)
		opts.Hotkeys = hasKeys(c)
	}
	return signals.Start(opts), nil
}
