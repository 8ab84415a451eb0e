package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/steady"
)

// report shows the events of a file, or of standard input, as a run with the
// same flags that reads them from there.
func report(args []string, gotestsum bool) (int, error) {
	usageStatus := ownError(gotestsum)
	c, paths, err := flags.ParseReport("report", args, 1, "usage: pgtest tool report [flags] [file]")
	if err != nil {
		return usageStatus, err
	}
	if c.Help {
		return 0, flags.Help(steady.Writer(os.Stdout), gotestsum)
	}
	if len(paths) > 0 {
		if os.Stdin, err = openInput(paths[0]); err != nil {
			return usageStatus, fmt.Errorf("tool report: %w", err)
		}
	}
	if c, err = c.Fit(check); err != nil {
		return usageStatus, err
	}
	return run(c)
}

// openInput opens a file for a tool.
func openInput(path string) (*os.File, error) {
	f, err := os.Open(path)
	var named *fs.PathError
	if errors.As(err, &named) {
		return nil, fmt.Errorf("%s: %w", path, named.Err)
	}
	return f, err
}
