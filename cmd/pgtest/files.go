package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/outfile"
	"pgtest/harness/rerun"
	"pgtest/jsonstream/result"
)

// files are the files that a run writes, opened before it starts.
type files struct {
	junit        *outfile.Whole
	json, timing *outfile.Lines
	// reruns is for the report of tests that ran again. It appears only if
	// there are any.
	reruns *outfile.Whole
	reran  bool
}

// openFiles opens the files that the options ask for. On an error none is
// left behind that was not there before.
func openFiles(c *flags.CommandLine) (*files, error) {
	f := &files{}
	err := f.open(c)
	if err != nil {
		f.abort()
		return nil, err
	}
	return f, nil
}

func (f *files) open(c *flags.CommandLine) (err error) {
	if c.JUnit.Path != "" {
		if f.junit, err = outfile.CreateWhole(c.JUnit.Path); err != nil {
			f.junit = nil
			return fmt.Errorf("--junitfile %w", err)
		}
	}
	if c.Rerun.Report != "" {
		if f.reruns, err = outfile.CreateWhole(c.Rerun.Report); err != nil {
			f.reruns = nil
			return fmt.Errorf("--rerun-fails-report %w", err)
		}
	}
	if f.json, err = f.openLines("--jsonfile", c.JSONFile); err != nil {
		return err
	}
	f.timing, err = f.openLines("--jsonfile-timing-events", c.TimingFile)
	switch {
	case err != nil:
		return err
	case f.json != nil && f.timing != nil && f.json.IsFile(f.timing):
		return fmt.Errorf("--jsonfile-timing-events %s: is the file of --jsonfile", c.TimingFile)
	}
	for _, lines := range f.lines() {
		if err := lines.file.Start(); err != nil {
			return fmt.Errorf("%s %w", lines.flag, err)
		}
	}
	return nil
}

func (f *files) openLines(flag, path string) (*outfile.Lines, error) {
	if path == "" {
		return nil, nil
	}
	lines, err := outfile.OpenLines(path)
	if err != nil {
		return nil, fmt.Errorf("%s %w", flag, err)
	}
	if f.junit != nil && f.junit.IsFile(lines) {
		lines.Abort()
		return nil, fmt.Errorf("%s %s: is the file of --junitfile", flag, path)
	}
	return lines, nil
}

// flaggedLines is a file of lines with the flag that asks for it.
type flaggedLines struct {
	flag string
	file *outfile.Lines
}

// lines returns the files of lines that are open.
func (f *files) lines() []flaggedLines {
	all := []flaggedLines{{"--jsonfile", f.json}, {"--jsonfile-timing-events", f.timing}}
	return slices.DeleteFunc(all, func(l flaggedLines) bool { return l.file == nil })
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
	for _, lines := range f.lines() {
		if err := lines.file.Close(); err != nil {
			errs = append(errs, fmt.Errorf("%s %w", lines.flag, err))
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
	for _, lines := range f.lines() {
		lines.file.Abort()
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
