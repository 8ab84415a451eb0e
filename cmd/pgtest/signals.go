package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/signals"
)

// checkTerminal says why the tests can't have the terminal, if they are to.
func checkTerminal(c *flags.CommandLine) error {
	if c.TTY != flags.TTYTests {
		return nil
	}
	reason := ""
	atOnce, err := strconv.ParseInt(c.Line.Value("p"), 0, 0)
	switch {
	case c.RawCommand:
		reason = "not with --raw-command, whose command starts the tests"
	case c.ReadsInput():
		reason = "not with -, which runs no tests"
	case len(c.Isolation.Packages) > 0:
		reason = "not with --isolate=test, which gives each test a process group of its own"
	case err == nil && atOnce != 1:
		reason = fmt.Sprintf("not with -p=%d: one package runs at a time", atOnce)
	default:
		tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		if err == nil {
			return tty.Close()
		}
		reason = fmt.Sprintf("there is no controlling terminal: %v", err)
	}
	return errors.New("--tty=" + flags.TTYTests + ": " + reason)
}

// startSignals catches the signals for a run, and holds the terminal if it must.
// The writer of recorded events, often in the same pipeline, has to get its
// Ctrl-C itself.
func startSignals(c *flags.CommandLine) (*signals.Control, error) {
	opts := signals.Options{Grace: c.Grace, Output: os.Stdout, Errors: os.Stderr, TestsHaveTerminal: c.TTY == flags.TTYTests}
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
