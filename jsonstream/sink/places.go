package sink

import (
	"cmp"
	"iter"

	"pgtest/jsonstream/result"
)

// A Place is a line of a source file. File is its path in the repository, "" if
// the place is unknown.
type Place struct {
	File string
	Line int
}

// Places finds places. It answers with the right one or with none.
type Places interface {
	// Test finds the function of a test, or that in which a subtest starts.
	Test(importPath, test string) Place
	// Line finds what file:line means in the output of a test of a package, or of
	// its build.
	Line(importPath, file string, line int) Place
	// Path returns the path of a file in the repository, "" if it is not there.
	Path(file string) string
}

// First returns the place of the first of a package's positions that has one. l
// may be nil.
func First(l Places, importPath string, positions iter.Seq[result.Position]) Place {
	if l == nil {
		return Place{}
	}
	for p := range positions {
		if place := l.Line(importPath, p.File, p.Line); place.File != "" {
			return place
		}
	}
	return Place{}
}

// PlaceOf is where a failure happened: the first line of the repository that the
// output names from the reason on, or else the test function. l may be nil.
func PlaceOf(l Places, f result.Failure) Place {
	if f.Test == nil {
		return First(l, cmp.Or(f.Package.FailedBuild, f.Package.Path), f.Package.Positions())
	}
	p := First(l, f.Package.Path, f.Test.Positions())
	if p.File == "" && l != nil {
		p = l.Test(f.Package.Path, f.Test.Name)
	}
	return p
}
