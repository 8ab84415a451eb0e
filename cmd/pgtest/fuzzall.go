package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness"
	"pgtest/harness/gotest"
	"pgtest/harness/gotest/sources"
	"pgtest/harness/plural"
	"pgtest/harness/steady"
)

// checkFuzzAll says what --fuzz-all can't be together with.
func checkFuzzAll(c *flags.CommandLine) error {
	if c.FuzzAll == 0 {
		return nil
	}
	for _, p := range c.Line.Parts() {
		if name := "-" + p.Name; p.Kind == gotest.OwnFlag && slices.Contains([]string{
			"-fuzz", "-fuzztime", "-run", "-skip", "-bench", "-list", "-c", "-n", "-o", "-count", "-cover", "-coverprofile", "-coverpkg", "-covermode", "-exec",
		}, name) {
			return &flags.Conflict{Flag: "fuzz-all", With: name}
		}
	}
	return together("fuzz-all",
		clash{c.RawCommand, "--raw-command"},
		clash{c.ReadsInput(), "-, which runs no tests"},
		clash{c.Archive != "", "--archive, which has no sources"},
		clash{c.Failed != flags.NotFailed, "--failed"},
		clash{c.Rerun.Attempts > 0, "--rerun-fails, which would search anew"},
		clash{c.Stress != nil, "--stress"},
		clash{!c.Shard.None(), "--shard"},
		clash{c.Watch, "--watch"},
		clash{c.DebugTests != nil, "--debug-test"},
		clash{len(c.Isolation.Packages) > 0, "--isolate=test"},
		clash{c.TTY == flags.TTYTests, "--tty=tests"},
		clash{len(c.Tracer) > 0, "--tracer"},
		clash{c.Coverage.Asked() != "", c.Coverage.Asked()},
		clash{slices.ContainsFunc(c.Line.Packages(), isGoFile), "files in place of packages"},
	)
}

// takeTargets makes a run one that fuzzes the targets of its packages: first those
// that were never fuzzed, then those that found something new last.
func takeTargets(c *flags.CommandLine, cfg *harness.Config, files *files) error {
	if c.RunsNothing() {
		return takeNothing(c, cfg, files)
	}
	packages, err := goList(c, c.Dir, c.Line.ListWords())
	if err != nil {
		return fmt.Errorf("--fuzz-all: %w", err)
	}
	type candidate struct {
		word string
		last time.Time
	}
	var targets []candidate
	for _, p := range packages {
		names, _ := p.Names(sources.Fuzz)
		for _, name := range names {
			t := harness.FuzzTarget{Package: p.ImportPath, Dir: p.Dir, Name: name}
			targets = append(targets, candidate{t.Word(), lastFound(p.ImportPath, name)})
		}
	}
	if len(targets) == 0 {
		fmt.Fprintf(steady.Writer(os.Stderr), "pgtest: --fuzz-all: no fuzz target in %s\n", plural.Count(len(packages), "package", "packages"))
		return takeNothing(c, cfg, files)
	}
	slices.SortStableFunc(targets, func(x, y candidate) int {
		if x.last.IsZero() != y.last.IsZero() {
			return cmp.Compare(x.last.Unix(), y.last.Unix())
		}
		return y.last.Compare(x.last)
	})
	f := harness.Fuzz{Time: c.FuzzAll}
	for _, t := range targets {
		f.Targets = append(f.Targets, t.word)
	}
	cfg.TestTimeout, cfg.SlowAfter, cfg.Overrides = 0, 0, cfg.Overrides.ForFuzzing()
	cfg.Command, err = harness.FuzzCommand(f, c.Line.Words())
	return err
}

// lastFound returns when fuzzing last found a new input of a target, as go's cache
// knows; zero if it has none.
func lastFound(pkg, name string) (last time.Time) {
	cache := gotest.Env("GOCACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return last
		}
		cache = filepath.Join(dir, "go-build")
	}
	entries, err := os.ReadDir(filepath.Join(cache, "fuzz", filepath.FromSlash(pkg), name))
	if errors.Is(err, os.ErrNotExist) {
		return last
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last
}
