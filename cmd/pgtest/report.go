package main

import (
	"errors"
	"io/fs"
	"os"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/steady"
)

// report shows the events of a file, or of standard input, as a run with the
// same flags that reads them from there.
func report(args []string, gotestsum bool) (int, error) {
	usageStatus := ownError(gotestsum)
	c, path, err := flags.ParseReport(args)
	if err != nil {
		return usageStatus, err
	}
	if c.Help {
		return 0, flags.Help(steady.Writer(os.Stdout), gotestsum)
	}
	if path != "" {
		if os.Stdin, err = openInput(path); err != nil {
			return usageStatus, err
		}
	}
	if err := check(c); err != nil {
		return usageStatus, err
	}
	return run(c)
}

func openInput(path string) (*os.File, error) {
	f, err := os.Open(path)
	var named *fs.PathError
	if errors.As(err, &named) {
		return nil, errors.New("tool report: " + path + ": " + named.Err.Error())
	}
	return f, err
}
