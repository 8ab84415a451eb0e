package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pgtest/cmd/pgtest/internal/flags"
)

// sayWhatRuns prints the command of --debug, and says that a line without
// packages is about one package alone, where a user of gotestsum may expect all.
func sayWhatRuns(w io.Writer, c *flags.CommandLine) {
	switch {
	case !c.Debug || c.ReadsInput():
	case c.RawCommand:
		fmt.Fprintf(w, "exec: %s\n", c.Command)
	default:
		fmt.Fprintf(w, "exec: %s\n", slices.Concat([]string{"go", "test", "-json"}, c.Line.Words()))
	}
	if wd, err := os.Getwd(); err == nil && c.Archived == nil && !c.Gotestsum && !c.Watch && c.Changed == nil && c.NamesNothing() && moduleHasMore(wd) {
		fmt.Fprintln(w, "pgtest: only the package in this directory is tested, and the module has more: ./... names all from here down")
	}
}

// moduleHasMore reports whether the module of a directory has Go files in
// another.
func moduleHasMore(dir string) bool {
	root := dir
	for !exists(filepath.Join(root, "go.mod")) {
		if root == filepath.Dir(root) {
			return false
		}
		root = filepath.Dir(root)
	}
	more := false
	filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name := filepath.Base(path)
		hidden := path != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_"))
		switch {
		case err != nil, !entry.IsDir() && (hidden || !strings.HasSuffix(name, ".go")):
		case entry.IsDir() && (hidden || path != root && (name == "testdata" || name == "vendor" || exists(filepath.Join(path, "go.mod")))):
			return fs.SkipDir
		case !entry.IsDir() && filepath.Dir(path) != dir:
			more = true
			return fs.SkipAll
		}
		return nil
	})
	return more
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
