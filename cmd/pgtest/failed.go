package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness"
	"pgtest/harness/gotest"
	"pgtest/harness/gotest/sources"
	"pgtest/harness/history"
	"pgtest/harness/outstanding"
	"pgtest/harness/plural"
	"pgtest/harness/steady"
	"pgtest/signals"
)

// checkFailed says what --failed can't be together with.
func checkFailed(c *flags.CommandLine) error {
	if c.Failed == flags.NotFailed {
		return nil
	}
	return together("failed",
		clash{c.RawCommand, "--raw-command"},
		clash{c.ReadsInput(), "-, which runs no tests"},
		clash{c.Stress != nil, "--stress"},
		clash{!c.Shard.None(), "--shard"},
		clash{c.DebugTests != nil, "--debug-test"},
		clash{c.Settings.CompileOnly, "-c"},
		clash{c.Settings.DryRun, "-n"},
		clash{c.Settings.List != "", "-list"},
		clash{c.Settings.Fuzz != "", "-fuzz"},
	)
}

// sayFailed prints a line about --failed.
func sayFailed(format string, args ...any) {
	fmt.Fprintf(steady.Writer(os.Stderr), "pgtest: --failed: "+format+"\n", args...)
}

// runFailed runs what is outstanding, and with FailedFirst everything once that
// has passed.
func runFailed(ctx context.Context, c *flags.CommandLine, control *signals.Control) (harness.Result, int, error) {
	var first *flags.CommandLine
	var err error
	if !control.Before(func() { first, err = outstandingLine(c) }) || err != nil {
		return harness.Result{}, ownError(c.Gotestsum), err
	}
	rest := *c
	if first != nil && first.Parts == nil { // no history
		return runTests(ctx, first, control)
	}
	if first == nil {
		if c.Failed == flags.OnlyFailed {
			return harness.Result{}, 0, nil
		}
		return runTests(ctx, &rest, control)
	}
	hook := first.PostRun
	if c.Failed == flags.FailedFirst {
		first.PostRun = nil // it comes once
	}
	res, status, err := runTests(ctx, first, control)
	control.After("the history", func() { sayGone(c, first) })
	switch {
	case c.Failed == flags.OnlyFailed, ctx.Err() != nil:
	case status == 0 && err == nil && !res.Interrupted && !control.Ending():
		sayFailed("all of it has passed: now everything")
		return runTests(ctx, &rest, control)
	case res.Ran:
		first.PostRun = hook
		if hookErr := postRun(first, control, res, status); hookErr != nil {
			err = errors.Join(err, hookErr)
			status = statusOf(c, res, err)
		}
	}
	return res, status, err
}

// outstandingLine returns the command line for what is outstanding of the packages
// that a line names, nil if that is nothing. With FailedFirst and no history it is
// the line itself.
func outstandingLine(c *flags.CommandLine) (*flags.CommandLine, error) {
	store, err := userHistory(c.Dir)
	var runs []outstanding.Run
	if err == nil {
		runs = runsOf(c, store)
	}
	switch {
	case len(runs) > 0 && c.History == "off":
		sayFailed("--history=off: what passes now is outstanding the next time, too")
	case len(runs) > 0:
	case c.Failed == flags.FailedFirst:
		sayFailed("no earlier run is known: everything runs")
		return c, nil
	case err != nil:
		return nil, fmt.Errorf("--failed: %w", err)
	case c.History == "off":
		return nil, errors.New("--failed: no earlier run is known, and with --history=off none will be")
	default:
		return nil, errors.New("--failed: no earlier run is known")
	}
	all := outstanding.After(runs)
	chosen, err := goList(c, c.Dir, c.Line.ListWords())
	if err != nil {
		return nil, fmt.Errorf("--failed: %w", err)
	}
	line := *c
	line.Parts, line.Dropped = make(map[string]harness.Part), make(map[string][]string)
	tests, packages := 0, 0
	skipped := 0 // packages whose tests -run and -skip leave out
	for _, p := range chosen {
		o := all[p.ImportPath]
		if o == nil {
			continue
		}
		delete(all, p.ImportPath)
		if gone := undeclared(c, p, o.Tests); len(gone) > 0 {
			line.Dropped[o.Path] = gone
			o.Tests = slices.DeleteFunc(o.Tests, func(test string) bool { return slices.Contains(gone, test) })
			if o.Whole == "" && !o.Rest && len(o.Tests) == 0 {
				continue
			}
		}
		declared := declaredIn(c.Archived, p, sources.Tests...)
		selection, some := o.Select(c.Line, declared)
		if !some {
			if _, left := o.Select(gotest.Parse(nil), declared); left {
				skipped++
			}
			continue
		}
		line.Parts[o.Path] = harness.Part(selection)
		t, n := o.Count()
		if len(selection.Only) > 0 {
			t, n = len(selection.Only), 0
		}
		tests, packages = tests+t, packages+n
	}
	if elsewhere := slices.Sorted(maps.Keys(all)); len(elsewhere) > 0 {
		packages, _ := goList(c, c.Dir, append(c.Line.FileFlags(), elsewhere...))
		for _, p := range packages {
			if p.Dir == "" {
				line.Dropped[p.ImportPath] = nil
				delete(all, p.ImportPath)
			}
		}
	}
	sayDropped(line.Dropped)
	return outstandingOf(c, &line, tests, packages, len(all)+skipped), nil
}

// outstandingOf says how much is outstanding, and completes the line for it.
func outstandingOf(c, line *flags.CommandLine, tests, packages, elsewhere int) *flags.CommandLine {
	more := ""
	if elsewhere > 0 {
		more = fmt.Sprintf("; more is in %s that this run is not about", plural.Count(elsewhere, "package", "packages"))
	}
	if len(line.Parts) == 0 {
		sayFailed("nothing is outstanding: all that failed has passed" + more)
		if len(line.Dropped) > 0 && c.Failed == flags.OnlyFailed {
			if r := beginHistory(line); r != nil {
				r.Finish(history.Passed, 0) // so that nobody has to drop them again
			}
		}
		c.Dropped = line.Dropped
		return nil
	}
	var counts []string
	if tests > 0 {
		counts = append(counts, plural.Count(tests, "test", "tests"))
	}
	if packages > 0 {
		counts = append(counts, plural.Count(packages, "package", "packages"))
	}
	verb := "are"
	if tests+packages == 1 {
		verb = "is"
	}
	sayFailed("%s %s outstanding%s", strings.Join(counts, " and "), verb, more)
	paths := slices.Sorted(maps.Keys(line.Parts))
	if !slices.Contains(paths, fileArguments) {
		line.Line = line.Line.WithPackages(paths[0], paths[1:]...)
	}
	return line
}

func sayDropped(dropped map[string][]string) {
	var names []string
	for _, path := range slices.Sorted(maps.Keys(dropped)) {
		for _, test := range dropped[path] {
			names = append(names, path+" "+test)
		}
		if dropped[path] == nil {
			names = append(names, path)
		}
	}
	if len(names) > 0 {
		sayFailed("dropped, because there is no such test any more: %s", strings.Join(names, ", "))
	}
}

// sayGone says which subtests were outstanding before a run and are no more, though
// they did not run: their tests passed without them.
func sayGone(c, first *flags.CommandLine) {
	store, err := userHistory(c.Dir)
	if err != nil {
		return
	}
	runs := runsOf(c, store)
	if len(runs) == 0 || !runs[len(runs)-1].Outstanding {
		return
	}
	after := outstanding.After(runs)
	ran := make(map[string]bool)
	runs[len(runs)-1].Tests(func(t history.Test) { ran[t.Package+" "+t.Name] = true })
	gone := make(map[string][]string)
	for path, part := range first.Parts {
		for _, test := range part.Only {
			if !ran[path+" "+test] && (after[path] == nil || !slices.Contains(after[path].Tests, test)) {
				gone[path] = append(gone[path], test)
			}
		}
	}
	sayDropped(gone)
}

// runsOf returns the runs that were recorded here, the oldest first.
func runsOf(c *flags.CommandLine, store *history.Store) []outstanding.Run {
	var runs []outstanding.Run
	named := make(map[string][]string)
	for run := range store.Runs() {
		if run.Imported || run.Outcome == history.Running {
			continue
		}
		runs = append(runs, outstanding.Run{Header: run.Header, Summary: run.Summary, Tests: run.ReadTests, Named: func() []string {
			words := slices.Concat(run.BuildFlags, run.Patterns)
			key := fmt.Sprintf("%q", append(words, run.GoDir))
			if _, known := named[key]; !known && len(run.Patterns) > 0 {
				packages, _ := goList(c, run.GoDir, words)
				for _, p := range packages {
					named[key] = append(named[key], p.ImportPath)
				}
			}
			return named[key]
		}})
	}
	slices.Reverse(runs)
	return runs
}

// goList asks go, or an archive, for the packages that words name. Without any of them it is the
// one in the directory.
func goList(c *flags.CommandLine, dir string, words []string) ([]sources.Package, error) {
	if c.Archived != nil {
		return archivedPackages(c.Archived, words), nil
	}
	var said bytes.Buffer
	packages, err := sources.List(context.Background(), sources.Query{Go: "go", Dir: dir, Words: words, Stderr: &said})
	if line, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n"); err != nil && line != "" {
		err = fmt.Errorf("go list: %s", line)
	}
	return packages, err
}

// undeclared returns the tests that no file of a package declares, also none that build
// constraints leave out.
func undeclared(c *flags.CommandLine, p sources.Package, tests []string) []string {
	if p.Dir == "" || len(tests) == 0 {
		return nil
	}
	kinds := []sources.Kind{sources.Test, sources.Fuzz, sources.Example, sources.Benchmark}
	var text []byte
	if c.Archived != nil {
		for _, name := range declaredIn(c.Archived, p, kinds...) {
			text = append(text, "func "+name+"("...)
		}
	}
	files, _ := filepath.Glob(filepath.Join(literal(p.Dir), "*_test.go"))
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			return nil
		}
		text = append(text, file...)
	}
	return slices.DeleteFunc(slices.Clone(tests), func(test string) bool {
		name, _, _ := strings.Cut(test, "/")
		ordinary := slices.ContainsFunc(kinds, func(kind sources.Kind) bool { return strings.HasPrefix(name, string(kind)) })
		return !ordinary || bytes.Contains(text, []byte("func "+name+"("))
	})
}

// literal returns a path as a pattern that matches it alone.
func literal(path string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "*", `\*`, "?", `\?`).Replace(path)
}
