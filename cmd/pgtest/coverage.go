package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness"
	"pgtest/harness/archive"
	"pgtest/harness/changes"
	"pgtest/harness/coverage"
	"pgtest/harness/gotest"
	"pgtest/harness/gotest/sources"
	"pgtest/jsonstream"
)

// checkCoverage returns an error where a flag asks for coverage of what has none.
func checkCoverage(c *flags.CommandLine) error {
	asked := c.Coverage.Asked()
	switch {
	case c.Coverage.DiffMin.Text != "" && c.Coverage.Diff == "":
		return &flags.Conflict{Flag: "coverage-diff-min", Lack: "coverage-diff"}
	case asked == "":
		return nil
	}
	return together(strings.TrimPrefix(asked, "--"),
		clash{c.RawCommand, "--raw-command, whose coverage is unknown"},
		clash{c.ReadsInput() && c.Merge == nil, "-, which runs no tests"},
		clash{c.Stress != nil, "--stress"},
		clash{c.Settings.List != "", "-list, which runs no tests"},
		clash{!c.Settings.Cover && c.Line.Value("cover") != "", "-cover=" + c.Line.Value("cover")},
		clash{c.Settings.Fuzz != "", "-fuzz, with which go test writes no profile"},
		clash{isSpecial(c.Settings.CoverProfile), "-coverprofile=" + c.Settings.CoverProfile + ", which is no regular file"},
	)
}

func isSpecial(path string) bool {
	info, err := os.Stat(path)
	return path != "" && err == nil && !info.Mode().IsRegular()
}

// coverageReport says and writes what a run covered.
type coverageReport struct {
	flags.CoverageOptions
	files   *files
	line    gotest.Line
	dir     string // of the go command
	archive *archive.Header
	changes *changes.Lines // nil without --coverage-diff

	written        bool // go test wrote a profile
	total, changed coverage.Count
}

// newCoverageReport returns nil if there is nothing to say.
func newCoverageReport(c *flags.CommandLine, opts jsonstream.Options, files *files) (*coverageReport, error) {
	covers := c.Settings.Cover && c.Settings.Fuzz == "" && c.Stress == nil && !opts.NoSummary && c.Summary != 0 && !c.Gotestsum
	if c.Merge != nil {
		covers = c.Merge.Profile.Mode != ""
	} else if c.Source() != "" {
		return nil, nil
	}
	if c.Coverage.Asked() == "" && !covers {
		return nil, nil
	}
	r := &coverageReport{CoverageOptions: c.Coverage, files: files, line: c.Line, dir: c.Dir, archive: c.Archived}
	if r.Diff == "" {
		return r, nil
	}
	var err error
	if r.changes, err = changes.Since(c.Dir, r.Diff); err != nil {
		err = fmt.Errorf("--coverage-diff=%s: %w", r.Diff, err)
	}
	return r, err
}

// take writes the reports about a profile, and returns lines for the summary.
func (r *coverageReport) take(p coverage.Profile) string {
	if p.Mode == "" {
		return ""
	}
	r.written = true
	r.total = p.Statements()
	var lines strings.Builder
	if r.total.All > 0 {
		fmt.Fprintf(&lines, "Coverage: %v of statements\n", r.total)
	}
	if r.Diff == "" && r.Cobertura == "" && r.LCOV == "" {
		return lines.String()
	}
	files := p.Lines(r.directories(p))
	root := ""
	if r.archive == nil {
		root = sources.NewLocator(sources.Run{Dir: r.dir, Flags: r.line.FileFlags()}).Root()
	} else if wd, err := os.Getwd(); err == nil {
		root = cmp.Or(archive.RepositoryOf(wd), wd)
	}
	name := func(f coverage.File) string { return nameBelow(root, f) }
	// Errors of writing come with the commit of the files.
	if r.files.cobertura != nil {
		coverage.Cobertura(r.files.cobertura, files, root, name, time.Now())
	}
	if r.files.lcov != nil {
		coverage.LCOV(r.files.lcov, files, name)
	}
	if r.changes != nil {
		r.diff(&lines, files)
	}
	return lines.String()
}

// diff says what is covered of the lines that changed.
func (r *coverageReport) diff(lines *strings.Builder, files []coverage.File) {
	changed := coverage.OfChanged(files, r.changes.Has)
	r.changed = changed.Lines
	if r.changed.All == 0 {
		fmt.Fprintf(lines, "Coverage of changes since %s: no line with a statement changed\n", r.Diff)
		return
	}
	fmt.Fprintf(lines, "Coverage of changes since %s: %v of lines (%d of %d)\n", r.Diff, r.changed, r.changed.Covered, r.changed.All)
	wd, _ := os.Getwd()
	for _, f := range changed.Files {
		path, err := filepath.Rel(wd, f.Path)
		if err != nil {
			path = f.Path
		}
		fmt.Fprintf(lines, "    %s: %s\n", path, f.Ranges())
	}
}

// missed says which limits a run missed that came to its end.
func (r *coverageReport) missed(result harness.Result) error {
	if r == nil || !r.written || result.Interrupted || result.TooManyFailed {
		return nil
	}
	var errs []error
	switch limit := r.Min; {
	case limit.Text == "":
	case r.total.All == 0 && limit.Value > 0 && result.ExitCode == 0:
		errs = append(errs, fmt.Errorf("--coverage-min=%s: the packages have no statements", limit.Text))
	case !r.total.Reaches(limit.Value):
		errs = append(errs, fmt.Errorf("--coverage-min=%s: %v of statements are covered (%d of %d)",
			limit.Text, r.total, r.total.Covered, r.total.All))
	}
	if limit := r.DiffMin; limit.Text != "" && !r.changed.Reaches(limit.Value) {
		errs = append(errs, fmt.Errorf("--coverage-diff-min=%s: %v of changed lines are covered (%d of %d)",
			limit.Text, r.changed, r.changed.Covered, r.changed.All))
	}
	return errors.Join(errs...)
}

// absent returns an error if a flag asks for coverage and a run that has passed
// wrote no profile.
func (r *coverageReport) absent(result harness.Result) error {
	if r == nil || r.written || r.Asked() == "" || result.Interrupted || result.ExitCode != 0 {
		return nil
	}
	return fmt.Errorf("%s: go test wrote no coverage profile", r.Asked())
}

// directories returns a function that says where the files of a package are, as
// the go command says.
func (r *coverageReport) directories(p coverage.Profile) func(importPath string) string {
	if r.archive != nil {
		return checkedOut(r.archive)
	}
	dirs := make(map[string]string)
	words := append([]string{"list", "-e", "-json=ImportPath,Dir"}, r.line.FileFlags()...)
	list := func(packages []string) {
		out, _, _ := gotest.Ask(r.dir, append(slices.Clone(words), packages...)...) // nothing if it fails
		for dec := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct{ ImportPath, Dir string }
			if dec.Decode(&p) != nil {
				return
			}
			dirs[p.ImportPath] = p.Dir
		}
	}
	packages := p.Packages()
	if slices.Contains(packages, "command-line-arguments") {
		list(r.line.Packages())
	}
	if packages = slices.DeleteFunc(packages, func(p string) bool { return dirs[p] != "" }); len(packages) > 0 {
		list(packages)
	}
	return func(importPath string) string { return dirs[importPath] }
}

// nameBelow returns a file's path from the root, if it is below, else the whole
// path. What can't be found has the name that it has in the profile.
func nameBelow(root string, f coverage.File) string {
	if f.Path == "" {
		return f.Name
	}
	if rel, err := filepath.Rel(root, f.Path); root != "" && err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return f.Path
}
