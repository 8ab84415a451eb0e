package main

import (
	"errors"
	"fmt"
	"io"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/outfile"
	"pgtest/harness/rerun"
	"pgtest/jsonstream/result"
)

// files are the files that a run writes, opened before it starts.
type files struct {
	json  *outfile.Lines
	junit *outfile.Whole
	// reruns is for the report of tests that ran again. It appears only if
	// there are any.
	reruns *outfile.Whole
	reran  bool
}

// openFiles opens the files that the options ask for. On an error none is
// left behind that was not there before.
func openFiles(c *flags.CommandLine) (*files, error) {
	f := &files{}
	var err error
	if c.JUnit.Path != "" {
		if f.junit, err = outfile.CreateWhole(c.JUnit.Path); err != nil {
			return nil, fmt.Errorf("--junitfile %w", err)
		}
	}
	if c.Rerun.Report != "" {
		if f.reruns, err = outfile.CreateWhole(c.Rerun.Report); err != nil {
			f.reruns = nil
			f.abort()
			return nil, fmt.Errorf("--rerun-fails-report %w", err)
		}
	}
	if c.JSONFile == "" {
		return f, nil
	}
	if f.json, err = outfile.OpenLines(c.JSONFile); err != nil {
		f.json = nil
	} else if f.junit != nil && f.junit.IsFile(f.json) {
		err = fmt.Errorf("%s: is the file of --junitfile", c.JSONFile)
	} else {
		err = f.json.Start()
	}
	if err != nil {
		f.abort()
		return nil, fmt.Errorf("--jsonfile %w", err)
	}
	return f, nil
}

// commit puts the files in their places.
func (f *files) commit() error {
	var errs []error
	if f.junit != nil {
		if err := f.junit.Commit(); err != nil {
			errs = append(errs, fmt.Errorf("--junitfile %w", err))
		}
	}
	if f.reruns != nil && f.reran {
		if err := f.reruns.Commit(); err != nil {
			errs = append(errs, fmt.Errorf("--rerun-fails-report %w", err))
		}
	} else if f.reruns != nil {
		f.reruns.Abort()
	}
	if f.json != nil {
		if err := f.json.Close(); err != nil {
			errs = append(errs, fmt.Errorf("--jsonfile %w", err))
		}
	}
	return errors.Join(errs...)
}

// writeReruns writes the report of the tests that ran again, if one is wanted.
func (f *files) writeReruns(rounds [][]result.PackageReport) {
	if f.reruns != nil {
		f.reran = true
		rerun.Report(f.reruns, rounds) // its error comes with Commit
	}
}

// abort drops what was opened.
func (f *files) abort() {
	if f.junit != nil {
		f.junit.Abort()
	}
	if f.reruns != nil {
		f.reruns.Abort()
	}
	if f.json != nil {
		f.json.Abort()
	}
}

// flagged is a file whose errors name the flag that asks for it.
type flagged struct {
	flag string
	io.Writer
}

func (f flagged) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err != nil {
		err = fmt.Errorf("%s %w", f.flag, err)
	}
	return n, err
}
