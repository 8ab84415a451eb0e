package main

import (
	"os"

	"pgtest/signals"
)

// roleKeeper is the first argument that makes this program hold the terminal.
const roleKeeper = "__keeper"

// startSignals catches the signals for a run, and holds the terminal if it must.
// The writer of recorded events, often in the same pipeline, has to get its
// Ctrl-C itself.
func startSignals(o *options, w words) (*signals.Control, error) {
	opts := signals.Options{Grace: o.grace, Output: os.Stdout, Errors: os.Stderr}
	if o.tty == "auto" && !w.readsInput() {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		opts.Keeper = []string{self, roleKeeper}
	}
	return signals.Start(opts), nil
}
