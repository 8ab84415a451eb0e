package main

import (
	"os"
	"runtime"
	"slices"
	"strconv"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness"
	"pgtest/jsonstream"
	"pgtest/jsonstream/format"
	"pgtest/jsonstream/live"
)

// showsLive decides whether a terminal gets lines that say how far the run is.
// They would be drawn over what tests write to a terminal that they have.
func showsLive(c *flags.CommandLine, opts jsonstream.Options) bool {
	return c.Progress == "auto" && c.TTY != flags.TTYTests && !opts.NoSummary && format.WritesLines(opts.Format) && obeys()
}

// obeys reports whether a terminal knows the sequences that move its cursor.
func obeys() bool { return !slices.Contains([]string{"", "dumb"}, os.Getenv("TERM")) }

func liveOptions(c *flags.CommandLine) *harness.Live {
	screen := os.Stdout
	if !isTerminal(screen) {
		screen = os.Stderr
	}
	l := &harness.Live{
		Tests: c.Live, Color: useColor(c.Color, screen), AtOnce: runtime.GOMAXPROCS(0), Progress: live.ShowsProgress(os.Getenv),
	}
	if store, err := userHistory(c.Dir); err == nil && c.History != "off" {
		l.Estimates = store.Estimates
	}
	if p, err := strconv.Atoi(c.Line.Value("p")); err == nil {
		l.AtOnce = p
	}
	return l
}

// hasKeys decides whether keys mean something while tests run. What a command
// behind --raw-command or the user of a terminal without a cursor types is not for
// pgtest, and --watch has keys of its own.
func hasKeys(c *flags.CommandLine) bool {
	return c.Keys == "auto" && c.TTY == "auto" && !c.Watch && !c.ReadsInput() && !c.RawCommand && obeys() &&
		isTerminal(os.Stdin) && (isTerminal(os.Stdout) || isTerminal(os.Stderr))
}
