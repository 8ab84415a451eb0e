package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/archive"
	"pgtest/harness/gotest"
	"pgtest/harness/gotest/sources"
	"pgtest/jsonstream/sink"
)

// checkArchive reads the header of --archive, and returns the first error of flags
// that it does not go together with.
func checkArchive(c *flags.CommandLine) (err error) {
	if c.Archive == "" {
		return nil
	}
	if err := together("archive",
		clash{c.RawCommand, "--raw-command, whose command starts the tests"},
		clash{c.ReadsInput(), "-, which runs no tests"},
		clash{c.Watch, "--watch, which builds tests"},
		clash{c.DebugTests != nil, "--debug-test, which builds the test"},
		clash{c.Settings.Fuzz != "", "-fuzz, for which a test is built in its own way"},
		clash{slices.ContainsFunc(c.Line.Packages(), isGoFile), "files in place of packages"},
	); err != nil {
		return err
	}
	for _, p := range c.Line.Parts() {
		if p.Kind == gotest.OwnFlag && gotest.IsBuildFlag(p.Name) && !slices.Contains([]string{"exec", "json", "p"}, p.Name) {
			return fmt.Errorf("--archive: not with -%s: its tests are built", p.Name)
		}
	}
	if c.Archived, err = archive.Open(c.Archive); err != nil {
		return fmt.Errorf("--archive=%w", err)
	}
	const uncovered = "an archive that was made without -cover"
	if c.Archived.CoverMode == "" && c.Settings.CoverProfile != "" {
		return errors.New("-coverprofile: not with " + uncovered)
	}
	asked := c.Coverage.Asked()
	return together(strings.TrimPrefix(asked, "--"), clash{c.Archived.CoverMode == "" && asked != "", uncovered})
}

// archivedPackages returns the packages of an archive that words name, as go list
// would.
func archivedPackages(h *archive.Header, words []string) []sources.Package {
	patterns := slices.DeleteFunc(slices.Clone(words), func(word string) bool { return strings.HasPrefix(word, "-") })
	chosen, _ := h.Select(patterns)
	var all []sources.Package
	for _, p := range chosen {
		all = append(all, sources.Package{ImportPath: p.ImportPath, Dir: p.Dir})
	}
	return all
}

// declaredIn returns the tests of some kinds that a package declares.
func declaredIn(h *archive.Header, p sources.Package, kinds ...sources.Kind) []string {
	if h == nil {
		names, _ := p.Names(kinds...)
		return names
	}
	var names []string
	for _, test := range h.Package(p.ImportPath).Tests {
		if slices.ContainsFunc(kinds, func(kind sources.Kind) bool { return strings.HasPrefix(test.Name, string(kind)) }) {
			names = append(names, test.Name)
		}
	}
	return names
}

// archivePlaces finds places by what an archive tells of its sources.
type archivePlaces struct{ *archive.Header }

func (a archivePlaces) Test(importPath, test string) sink.Place {
	p := a.Package(importPath)
	name, _, _ := strings.Cut(test, "/")
	if i := strings.LastIndexByte(name, '-'); i > 0 && strings.HasPrefix(name, string(sources.Benchmark)) {
		name = name[:i] // behind it stands GOMAXPROCS
	}
	if p != nil {
		for _, t := range p.Tests {
			if t.Name == name && t.File != "" {
				return sink.Place{File: t.File, Line: t.Line}
			}
		}
	}
	return sink.Place{}
}

// Line finds a path of the machine that built the tests, and the name of a file
// that declares a test.
func (a archivePlaces) Line(importPath, file string, line int) sink.Place {
	if path.IsAbs(file) {
		if rel := a.Path(file); rel != "" {
			return sink.Place{File: rel, Line: line}
		}
		return sink.Place{}
	}
	if p := a.Package(importPath); p != nil {
		for _, t := range p.Tests {
			if t.File != "" && path.Base(t.File) == file {
				return sink.Place{File: t.File, Line: line}
			}
		}
	}
	return sink.Place{}
}

func (a archivePlaces) Path(file string) string {
	rel, ok := strings.CutPrefix(file, a.Built+"/")
	if !ok {
		return ""
	}
	return rel
}

// checkedOut returns a function that says where the files of a package are in the
// working directory, if the sources are there, too.
func checkedOut(h *archive.Header) func(importPath string) string {
	wd, err := os.Getwd()
	return func(importPath string) string {
		p := h.Package(importPath)
		if p == nil || err != nil {
			return ""
		}
		rel, err := filepath.Rel(h.Dir, p.Dir)
		dir := filepath.Join(wd, rel)
		if err != nil || !exists(dir) {
			return ""
		}
		return dir
	}
}
