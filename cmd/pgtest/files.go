package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness"
	"pgtest/harness/history"
	"pgtest/harness/outfile"
	"pgtest/harness/rerun"
	"pgtest/harness/shard"
	"pgtest/jsonstream/ci"
	"pgtest/jsonstream/result"
)

// files are the files that a run writes, opened before it starts.
type files struct {
	junit, report *outfile.Whole
	json, timing  *outfile.Lines
	// reruns is for the report of tests that ran again. It appears only if
	// there are any.
	reruns *outfile.Whole
	reran  bool
	// summary is the file of the flag, annotation the same for Buildkite.
	summary, timeline *outfile.Whole
	annotation        *bytes.Buffer
	// coverage writes the other two, unless nil.
	coverage        *coverageReport
	cobertura, lcov *outfile.Whole
	// history keeps the run, unless nil.
	history *history.Recorder

	shard *shard.Mark // in what holds events, unless nil

	all []opened
}

// opened is a file with the flag that asks for it.
type opened struct {
	flag   string
	whole  *outfile.Whole // nil for a file of lines
	start  func() error   // called once all files are open
	commit func() error
	abort  func()
}

// openFiles opens the files that the options ask for. On an error none is
// left behind that was not there before.
func openFiles(c *flags.CommandLine) (_ *files, err error) {
	f := &files{}
	defer func() {
		if err != nil {
			f.abort()
		}
	}()
	if f.junit, err = f.openWhole("--junitfile", c.JUnit.Path); err != nil {
		return nil, err
	}
	if f.report, err = f.openWhole("--report", c.Report); err != nil {
		return nil, err
	}
	if f.summary, err = f.openWhole("--summaryfile", c.SummaryFile); err != nil {
		return nil, err
	}
	if f.timeline, err = f.openWhole("--timeline", c.Timeline); err != nil {
		return nil, err
	}
	if f.reruns, err = f.openWhole("--rerun-fails-report", c.Rerun.Report); err != nil {
		return nil, err
	}
	if f.cobertura, err = f.openWhole("--coverage-cobertura", c.Coverage.Cobertura); err != nil {
		return nil, err
	}
	if f.lcov, err = f.openWhole("--coverage-lcov", c.Coverage.LCOV); err != nil {
		return nil, err
	}
	if f.json, err = f.openLines("--jsonfile", c.JSONFile); err != nil {
		return nil, err
	}
	if f.timing, err = f.openLines("--jsonfile-timing-events", c.TimingFile); err != nil {
		return nil, err
	}
	if f.json != nil && f.timing != nil && f.json.IsFile(f.timing) {
		return nil, fmt.Errorf("--jsonfile-timing-events %s: is the file of --jsonfile", c.TimingFile)
	}
	for _, file := range f.all {
		if err := file.start(); err != nil {
			return nil, fmt.Errorf("%s %w", file.flag, err)
		}
	}
	return f, nil
}

func (f *files) openWhole(flag, path string) (*outfile.Whole, error) {
	if path == "" {
		return nil, nil
	}
	whole, err := outfile.CreateWhole(path)
	if err != nil {
		return nil, fmt.Errorf("%s %w", flag, err)
	}
	for _, other := range f.all {
		if other.whole != nil && other.whole.IsSame(whole) {
			whole.Abort()
			return nil, fmt.Errorf("%s %s: is the file of %s", flag, path, other.flag)
		}
	}
	f.all = append(f.all, opened{flag, whole, func() error { return nil }, whole.Commit, whole.Abort})
	return whole, nil
}

func (f *files) openLines(flag, path string) (*outfile.Lines, error) {
	if path == "" {
		return nil, nil
	}
	lines, err := outfile.OpenLines(path)
	if err != nil {
		return nil, fmt.Errorf("%s %w", flag, err)
	}
	f.all = append(f.all, opened{flag, nil, lines.Start, lines.Close, lines.Abort})
	for _, other := range f.all {
		if other.whole != nil && other.whole.IsFile(lines) {
			return nil, fmt.Errorf("%s %s: is the file of %s", flag, path, other.flag)
		}
	}
	return lines, nil
}

// commit puts the files in their places.
func (f *files) commit() error {
	var errs []error
	for _, file := range f.all {
		if !f.appears(file.whole) {
			file.abort()
		} else if err := file.commit(); err != nil {
			errs = append(errs, fmt.Errorf("%s %w", file.flag, err))
		}
	}
	return errors.Join(errs...)
}

// appears reports whether a file has something to say.
func (f *files) appears(file *outfile.Whole) bool {
	switch {
	case file == nil:
	case file == f.reruns:
		return f.reran
	case file == f.cobertura, file == f.lcov:
		return f.coverage != nil && f.coverage.written
	}
	return true
}

// writeReruns writes the report of the tests that ran again, if one is wanted.
func (f *files) writeReruns(rounds [][]result.PackageReport) {
	if f.reruns != nil {
		f.reran = true
		rerun.Report(f.reruns, rounds) // its error comes with Commit
	}
}

// beginShard writes whose events follow to all that holds events.
func (f *files) beginShard(m shard.Mark) {
	f.shard = &m
	f.markShard()
}

// endShard writes that a shard's run came to its end.
func (f *files) endShard(result harness.Result) {
	if f.shard != nil && !result.Interrupted && !result.Killed {
		f.shard.Ended, f.shard.Status = true, result.ExitCode
		f.markShard()
	}
}

// markShard writes the mark of the shard. Errors come with the ends of the files.
func (f *files) markShard() {
	line := f.shard.Line()
	for _, lines := range []*outfile.Lines{f.json, f.timing} {
		if lines != nil {
			lines.Write(line)
		}
	}
	if f.history != nil {
		f.history.Write(line)
	}
}

// abort drops what was opened.
func (f *files) abort() {
	if f.history != nil {
		f.history.Abort()
	}
	for _, file := range f.all {
		file.abort()
	}
}

// summaries are the places for a run's summary: the file of the flag, and what a
// CI system shows.
func (f *files) summaries(system ci.System) []ci.Summary {
	var all []ci.Summary
	if f.summary != nil {
		all = append(all, ci.Summary{Out: flagged{"--summaryfile", f.summary}})
	}
	if system == ci.Buildkite {
		f.annotation = new(bytes.Buffer)
		all = append(all, ci.Summary{Out: f.annotation})
	}
	const variable = "GITHUB_STEP_SUMMARY"
	if path := os.Getenv(variable); path != "" && system == ci.GitHub {
		file := outfile.NewAppended(path)
		room := func() int64 { return ci.MaxSummary - file.Size() }
		all = append(all, ci.Summary{Out: flagged{variable, file}, Room: room})
	}
	return all
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
