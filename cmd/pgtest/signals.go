package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"pgtest/signals"
)

// ttyTests is the value of --tty that leaves the terminal to the tests.
const ttyTests = "tests"

// checkTerminal says why the tests can't have the terminal, if they are to.
func checkTerminal(o *options, w words) error {
	if o.tty != ttyTests {
		return nil
	}
	reason := ""
	atOnce, err := strconv.ParseInt(w.goes.atOnce, 0, 0)
	switch {
	case o.rawCommand:
		reason = "not with --raw-command, whose command starts the tests"
	case w.readsInput():
		reason = "not with -, which runs no tests"
	case len(o.isolation.Packages) > 0:
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
	return errors.New("--tty=" + ttyTests + ": " + reason)
}

// startSignals catches the signals for a run, and holds the terminal if it must.
// The writer of recorded events, often in the same pipeline, has to get its
// Ctrl-C itself.
func startSignals(o *options, w words) (*signals.Control, error) {
	opts := signals.Options{Grace: o.grace, Output: os.Stdout, Errors: os.Stderr, TestsHaveTerminal: o.tty == ttyTests}
	if o.tty == "auto" && !w.readsInput() {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		opts.Keeper = []string{self, signals.KeeperRole}
	}
	return signals.Start(opts), nil
}
