package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/coverage"
	"pgtest/harness/outfile"
	"pgtest/harness/plural"
	"pgtest/harness/shard"
	"pgtest/harness/steady"
)

const mergeUsage = "usage: pgtest tool merge [--partial] [--coverprofile=path] [flags] files of all shards"

// merge shows the events of all shards as those of one run, with the same flags.
func merge(args []string, gotestsum bool) (int, error) {
	usageStatus := ownError(gotestsum)
	partial, profile := false, ""
	args = slices.DeleteFunc(slices.Clone(args), func(word string) bool {
		path, isProfile := strings.CutPrefix(word, "--coverprofile=")
		if isProfile {
			profile = path
		}
		partial = partial || word == "--partial"
		return isProfile || word == "--partial"
	})
	c, paths, err := flags.ParseReport("merge", args, math.MaxInt, mergeUsage)
	switch {
	case err != nil:
		return usageStatus, err
	case c.Help:
		return 0, flags.Help(steady.Writer(os.Stdout), gotestsum)
	case len(paths) == 0:
		return usageStatus, errors.New(mergeUsage)
	}
	c.Merge = &flags.Merge{}
	var shards []shard.File
	profiles := 0
	for _, path := range paths {
		covered, err := readProfile(path)
		if err == nil && covered == nil {
			var f shard.File
			f, err = shard.Scan(path)
			shards = append(shards, f)
		} else if err == nil {
			profiles++
			err = c.Merge.Profile.Add(*covered)
		}
		if err != nil {
			return usageStatus, fmt.Errorf("tool merge: %w", err)
		}
	}
	if len(shards) == 0 {
		return usageStatus, errors.New("tool merge: there is no event file, run or JUnit report among the files")
	}
	slices.SortStableFunc(shards, func(a, b shard.File) int { return cmp.Compare(a.Index, b.Index) })
	wrong := shard.Check(shards)
	if profiles > 0 && profiles != len(shards) {
		wrong = append(wrong, fmt.Sprintf("there are %s for %s", plural.Count(profiles, "coverage profile", "coverage profiles"), plural.Count(len(shards), "shard", "shards")))
	}
	for _, line := range wrong {
		if !partial {
			err = errors.Join(err, fmt.Errorf("tool merge: %s", line))
			continue
		}
		fmt.Fprintf(steady.Writer(os.Stderr), "pgtest: tool merge: %s\n", line)
		c.Merge.Status = 1
	}
	if err != nil {
		return usageStatus, err
	}
	for _, s := range shards {
		c.Merge.Status = max(c.Merge.Status, s.Status)
	}
	c.Input, c.Merge.Commit = input{shard.Merge(shards), "tool merge"}, shards[0].Commit
	if c, err = c.Fit(check); err != nil {
		return usageStatus, err
	}
	if profile != "" {
		if err := writeProfile(profile, c.Merge.Profile); err != nil {
			return usageStatus, fmt.Errorf("--coverprofile %w", err)
		}
	}
	return run(c)
}

func writeProfile(path string, p coverage.Profile) error {
	f, err := outfile.CreateWhole(path)
	if err != nil {
		return err
	}
	p.Write(f) // its error comes with Commit
	return f.Commit()
}

// readProfile reads a coverage profile. It returns nil for another file.
func readProfile(path string) (*coverage.Profile, error) {
	f, err := openInput(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const mode = "mode: "
	start := make([]byte, len(mode))
	if n, _ := io.ReadFull(f, start); !bytes.Equal(start[:n], []byte(mode)) {
		return nil, nil
	}
	rest, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p, _, err := coverage.Parse(append(start, rest...))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &p, nil
}
