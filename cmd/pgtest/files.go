package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"pgtest/jsonstream/junit"
)

// files are the files that a run writes, opened before it starts.
type files struct {
	json  *os.File
	junit *junit.File
}

// openFiles opens the files that the options ask for. On an error none is
// left behind that was not there before.
func openFiles(o *options) (*files, error) {
	f := &files{}
	var err error
	if o.junit.path != "" {
		if f.junit, err = junit.Create(o.junit.path); err != nil {
			return nil, fmt.Errorf("--junitfile %w", err)
		}
	}
	if o.jsonFile != "" {
		if f.json, err = createFile(o.jsonFile); err != nil {
			f.abort()
			return nil, fmt.Errorf("--jsonfile %s: %w", o.jsonFile, err)
		}
	}
	return f, nil
}

// createFile creates a file and the directories above it. The error is the
// reason alone.
func createFile(path string) (*os.File, error) {
	err := os.MkdirAll(filepath.Dir(path), 0o777)
	if err == nil {
		var f *os.File
		if f, err = os.Create(path); err == nil {
			return f, nil
		}
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return nil, err
}

// commit puts the files in their places.
func (f *files) commit() error {
	var errs []error
	if f.junit != nil {
		if err := f.junit.Commit(); err != nil {
			errs = append(errs, fmt.Errorf("--junitfile %w", err))
		}
	}
	if f.json != nil {
		if err := f.json.Close(); err != nil {
			errs = append(errs, fmt.Errorf("--jsonfile %w", err))
		}
	}
	return errors.Join(errs...)
}

// abort drops what was opened.
func (f *files) abort() {
	if f.junit != nil {
		f.junit.Abort()
	}
	if f.json != nil {
		f.json.Close()
	}
}
