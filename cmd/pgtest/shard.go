package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness"
	"pgtest/harness/coverage"
	"pgtest/harness/gotest"
	"pgtest/harness/plural"
	"pgtest/harness/shard"
	"pgtest/harness/steady"
	"pgtest/jsonstream/junit"
)

// checkShard returns an error where a shard is asked for of what can't be divided.
func checkShard(c *flags.CommandLine) error {
	if c.Shard.None() {
		if c.ShardPlan != "" {
			return &flags.Conflict{Flag: "shard-plan", Lack: "shard"}
		}
		return nil
	}
	return together("shard",
		clash{c.RawCommand, "--raw-command, whose packages are unknown"},
		clash{c.ReadsInput(), "-, which runs no tests"},
		clash{c.Stress != nil, "--stress"},
		clash{c.Watch, "--watch"},
		clash{c.Settings.CompileOnly, "-c"},
		clash{c.Settings.DryRun, "-n"},
		clash{c.Settings.List != "", "-list, which runs no tests"},
		clash{c.Coverage.Min.Text != "", "--coverage-min, since a shard covers a part"},
		clash{c.Coverage.DiffMin.Text != "", "--coverage-diff-min, since a shard covers a part"},
		clash{c.Settings.Fuzz != "", "-fuzz, which is for one package"},
		clash{slices.ContainsFunc(c.Line.Packages(), isGoFile), "files in place of packages"},
	)
}

func isGoFile(word string) bool { return filepath.Ext(word) == ".go" }

// takeShard leaves those packages and tests in a run that are its shard's, and
// says which. A shard that has none is a run without events.
func takeShard(c *flags.CommandLine, cfg *harness.Config, files *files) error {
	var plan shard.Plan
	if c.ShardPlan != "" {
		var err error
		if plan, err = readPlan(c); err != nil {
			return err
		}
	} else if c.Archived != nil && c.Archived.Plan != nil {
		var err error
		if plan, err = checkPlan(c, "the plan of --archive="+c.Archive, bytes.NewReader(c.Archived.Plan)); err != nil {
			return err
		}
	}
	packages, err := listPackages(c)
	if err != nil {
		return fmt.Errorf("--shard: %w", err)
	}
	if len(packages) == 0 && !c.RunsNothing() {
		return nil // go test says why
	}
	parts := plan.Of(c.Shard.Index, c.Shard.Total, packages)
	var paths []string
	divided := 0
	cfg.Parts = make(map[string]harness.Part)
	for _, p := range parts {
		paths = append(paths, p.Path)
		if !p.Whole() {
			divided++
			cfg.Parts[p.Path] = harness.Part{Only: p.Only, Except: p.Except}
		}
	}
	text := fmt.Sprintf("pgtest: shard %v", c.Shard)
	if c.Shard.From != "" {
		text += " by " + c.Shard.From
	}
	text += fmt.Sprintf(": %d of %s", len(parts), plural.Count(len(packages), "package", "packages"))
	if divided > 0 {
		text += fmt.Sprintf(", of %d a part", divided)
	}
	fmt.Fprintln(steady.Writer(os.Stderr), text)
	if len(paths) == 0 {
		if err := takeNothing(c, cfg, files); err != nil {
			return err
		}
	} else {
		cfg.Args = c.Line.WithPackages(paths[0], paths[1:]...).EventWords()
	}
	mark := shard.Mark{Index: c.Shard.Index, Total: c.Shard.Total, Commit: shard.Head(c.Dir)}
	if plan.Shards > 0 {
		mark.Plan = plan.Sum()
	}
	if c.Archived != nil {
		mark.Commit = c.Archived.Commit
	}
	files.beginShard(mark)
	if report := cfg.Stream.JUnit; report != nil {
		properties, interrupted := mark.Properties()
		for _, p := range properties {
			report.Properties = append(report.Properties, junit.Property{Name: p[0], Value: p[1]})
		}
		report.Interrupted = junit.Property{Name: interrupted[0], Value: interrupted[1]}
	}
	if file := os.Getenv("TEST_SHARD_STATUS_FILE"); file != "" && c.Shard.From == "Bazel" {
		return os.WriteFile(file, nil, 0o666) // says that shards are known here
	}
	return nil
}

// takeNothing makes a run one without events.
func takeNothing(c *flags.CommandLine, cfg *harness.Config, files *files) error {
	cfg.Args, cfg.Input = nil, strings.NewReader("")
	if files.coverage != nil {
		files.coverage.take(coverage.Profile{Mode: "set"})
	}
	return writeEmptyProfile(c)
}

// writeEmptyProfile writes the coverage profile of no tests, so that each shard
// leaves the same files.
func writeEmptyProfile(c *flags.CommandLine) error {
	path := c.Settings.CoverProfile
	if path == "" {
		return nil
	}
	for _, dir := range []string{c.Settings.OutputDir, c.Dir} {
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
	}
	mode := cmp.Or(c.Line.Value("covermode"), "set")
	if err := os.WriteFile(path, []byte("mode: "+mode+"\n"), 0o666); err != nil {
		return fmt.Errorf("-coverprofile=%s: %w", c.Settings.CoverProfile, errors.Unwrap(err))
	}
	return nil
}

func readPlan(c *flags.CommandLine) (shard.Plan, error) {
	f, err := os.Open(c.ShardPlan)
	if err != nil {
		return shard.Plan{}, fmt.Errorf("--shard-plan %s: %w", c.ShardPlan, errors.Unwrap(err))
	}
	defer f.Close()
	return checkPlan(c, "--shard-plan "+c.ShardPlan, f)
}

// checkPlan reads the plan that a flag names, for as many shards as there are.
func checkPlan(c *flags.CommandLine, flag string, r io.Reader) (shard.Plan, error) {
	plan, err := shard.Read(r)
	switch {
	case err != nil:
		return plan, fmt.Errorf("%s: %w", flag, err)
	case plan.Shards != c.Shard.Total:
		return plan, fmt.Errorf("%s: it is for %s, not %d",
			flag, plural.Count(plan.Shards, "shard", "shards"), c.Shard.Total)
	}
	return plan, nil
}

// listPackages returns the import paths of the line's packages. What is wrong with
// one is for go test to say, in the shard that has it.
func listPackages(c *flags.CommandLine) (paths []string, err error) {
	if c.Reached != nil {
		return c.Reached, nil
	}
	if c.Archived != nil {
		for _, p := range archivedPackages(c.Archived, c.Line.Packages()) {
			paths = append(paths, p.ImportPath)
		}
		return paths, nil
	}
	out, messages, err := gotest.Ask(c.Dir, slices.Concat([]string{"list", "-e"}, c.Line.ListWords())...)
	if err != nil {
		return nil, err
	}
	steady.Writer(os.Stderr).Write(messages)
	return strings.Fields(string(out)), nil
}
