package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/steady"
	"pgtest/jsonstream/eventfile"
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
		if c.Input, err = eventfile.Open(paths[0]); err != nil {
			return usageStatus, fmt.Errorf("tool report: %w", unopened(paths[0], err))
		}
	}
	if c, err = c.Fit(check); err != nil {
		return usageStatus, err
	}
	return run(c)
}

// An input is a reader with a name.
type input struct {
	io.Reader
	name string
}

func (i input) Name() string { return i.name }

// openInput opens a file for a tool.
func openInput(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unopened(path, err)
	}
	return f, nil
}

// unopened is the error of opening a file, for the user.
func unopened(path string, err error) error {
	var named *fs.PathError
	if errors.As(err, &named) {
		err = named.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}
