// Package outstanding decides what has not passed since it last failed, was
// interrupted or not reached: earlier runs go in, and for each package the tests
// that a run is to have come out. It starts nothing and reads no file.
package outstanding

import (
	"slices"
	"strings"

	"pgtest/harness/gotest"
	"pgtest/harness/history"
	"pgtest/harness/internal/pattern"
	"pgtest/jsonstream/result"
)

// A Run is an earlier run.
type Run struct {
	history.Header
	history.Summary
	// Tests calls add for each test of the run. It is called for runs of packages
	// of which something is outstanding.
	Tests func(add func(history.Test)) error
	// Named returns the packages that the run's patterns name. It is called for
	// runs that did not come to their end.
	Named func() []string
}

// A Package is one of which something is outstanding.
type Package struct {
	Path string
	// Tests are those that failed, were interrupted or not reached, in that order,
	// with the parents of subtests.
	Tests []string
	// Rest says that tests did not run whose names nobody knows: all but those in
	// Done.
	Rest bool
	Done []string
	// Whole says why the package has to run as a whole, "" if it has not: it failed
	// without a failed test, or was not reached.
	Whole string

	// from is the run that set Rest or Whole.
	from history.Header
}

// After returns the packages of which something is outstanding after runs, the
// oldest first, by import path.
func After(runs []Run) map[string]*Package {
	all := make(map[string]*Package)
	for i, r := range runs {
		for path, tests := range r.Dropped {
			if o := all[path]; o != nil && !o.drop(tests) {
				delete(all, path)
			}
		}
		var ends map[[2]string]result.End
		for _, p := range r.Packages {
			o := all[p.Path]
			if o != nil && ends == nil {
				ends = endsOf(r)
			}
			if o == nil {
				o = &Package{Path: p.Path}
			}
			o.passed(r, p, ends)
			o.failed(r, p)
			if o.is() {
				all[p.Path] = o
			} else {
				delete(all, p.Path)
			}
		}
		if !r.cut() || r.Outstanding || slices.ContainsFunc(runs[i+1:], r.repeated) {
			continue
		}
		for _, path := range r.Named() {
			if slices.ContainsFunc(r.Packages, func(p history.Package) bool { return p.Path == path }) {
				continue
			}
			if all[path] == nil {
				all[path] = &Package{Path: path}
			}
			all[path].Whole, all[path].from = "not reached", r.Header
		}
	}
	return all
}

// cut reports whether a run did not come to its end.
func (r Run) cut() bool { return r.Outcome == history.Interrupted || r.Outcome == history.Killed }

// repeated reports whether another run came to the end of all that r was about.
func (r Run) repeated(other Run) bool {
	return !other.cut() && !other.Outstanding && len(other.Narrow) == 0 && other.GoDir == r.GoDir &&
		slices.Equal(other.Patterns, r.Patterns) && slices.Equal(other.BuildFlags, r.BuildFlags)
}

// is reports whether anything is outstanding.
func (o *Package) is() bool { return o.Whole != "" || o.Rest || len(o.Tests) > 0 }

// drop forgets tests, or with none the whole package. It reports whether anything
// is left.
func (o *Package) drop(tests []string) bool {
	o.Tests = slices.DeleteFunc(o.Tests, func(test string) bool { return slices.Contains(tests, test) })
	return len(tests) > 0 && o.is()
}

// endsOf returns how each test of a run ended when it last ran, by package and
// name.
func endsOf(r Run) map[[2]string]result.End {
	ends, rounds := make(map[[2]string]result.End), make(map[[2]string]int)
	r.Tests(func(t history.Test) {
		key := [2]string{t.Package, t.Name}
		// Of several runs in a round a failure counts.
		if _, known := ends[key]; !known || t.Round > rounds[key] || t.Round == rounds[key] && !t.End.OK() {
			ends[key], rounds[key] = t.End, t.Round
		}
	})
	return ends
}

// passed takes what passed in a run.
func (o *Package) passed(r Run, p history.Package, ends map[[2]string]result.End) {
	endOf := func(test string) result.End { return ends[[2]string{p.Path, test}] }
	o.Tests = slices.DeleteFunc(o.Tests, func(test string) bool {
		switch end := endOf(test); end {
		case result.Passed, result.Quarantined:
			return true
		case result.Skipped:
			return r.Outstanding // asked for, and nothing else can come of it
		case "":
			// A subtest that its test no longer has.
			parent, _, sub := strings.Cut(test, "/")
			return sub && r.Outstanding && len(r.Narrow) == 0 && !p.Rest && endOf(parent) == result.Passed
		}
		return false
	})
	if o.Rest {
		for key, end := range ends {
			if key[0] == p.Path && end.OK() && !slices.Contains(o.Done, key[1]) {
				o.Done = append(o.Done, key[1])
			}
		}
	}
	sameFiles := slices.Equal(r.BuildFlags, o.from.BuildFlags)
	if p.End.OK() && sameFiles && (len(r.Narrow) == 0 || slices.Equal(r.Narrow, o.from.Narrow)) {
		o.Whole, o.Rest, o.Done = "", false, nil
	}
}

// failed takes what did not pass in a run.
func (o *Package) failed(r Run, p history.Package) {
	for _, tests := range [][]string{p.Failed, p.Interrupted, p.Unreached} {
		for _, test := range tests {
			if !slices.Contains(o.Tests, test) {
				o.Tests = append(o.Tests, test)
			}
			o.Done = slices.DeleteFunc(o.Done, func(done string) bool { return done == test })
		}
	}
	switch {
	case p.End.OK():
	case p.End.Failed() && len(p.Failed) == 0, len(p.Interrupted)+len(p.Failed)+len(p.Unreached) == 0:
		o.Whole, o.from = string(p.End), r.Header
	case p.Rest || r.FailFast:
		if !o.Rest {
			o.Rest, o.Done, o.from = true, nil, r.Header
			for key, end := range endsOf(r) {
				if key[0] == p.Path && end.OK() {
					o.Done = append(o.Done, key[1])
				}
			}
		}
	}
}

// Leaves are the outstanding tests without those that run in any case because a
// subtest of theirs does.
func (o *Package) Leaves() []string {
	return slices.DeleteFunc(slices.Clone(o.Tests), func(test string) bool {
		return slices.ContainsFunc(o.Tests, func(other string) bool { return strings.HasPrefix(other, test+"/") })
	})
}

// A Selection is what is to run of a package: the tests in Only, with their
// subtests, or if there are none, all but those in Except.
type Selection struct{ Only, Except []string }

// Select returns what is to run of a package on a command line, and false if that
// is nothing. declared are the top-level tests of the package's files, whatever
// chooses among them.
func (o *Package) Select(line gotest.Line, declared []string) (Selection, bool) {
	run, skip := line.Value("run"), line.Value("skip")
	chosen := func(tests []string) []string {
		return slices.DeleteFunc(slices.Clone(tests), func(test string) bool {
			return !pattern.Matches(run, test) || pattern.Skips(skip, test)
		})
	}
	if o.Whole == "" && !o.Rest {
		only := chosen(o.Leaves())
		return Selection{Only: only}, len(only) > 0
	}
	if o.Whole != string(result.BuildFailed) && len(declared) > 0 && len(chosen(declared)) == 0 {
		return Selection{}, false
	}
	var done []string
	if o.Whole == "" {
		done = slices.DeleteFunc(slices.Clone(o.Done), func(test string) bool {
			return slices.Contains(o.Tests, test) || slices.ContainsFunc(o.Tests, func(other string) bool { return strings.HasPrefix(other, test+"/") })
		})
		slices.Sort(done)
	}
	leaves := o.Leaves()
	unknown := slices.DeleteFunc(slices.Clone(declared), func(test string) bool {
		return slices.Contains(done, test) || slices.ContainsFunc(leaves, func(other string) bool { return other == test || strings.HasPrefix(other, test+"/") })
	})
	switch {
	case len(declared) == 0:
		return Selection{Except: done}, true
	case o.Whole == "" && len(chosen(unknown)) == 0: // all others have passed since
	case len(o.from.Narrow) == 0:
		return Selection{Except: done}, true
	default:
		// The run was about some of the tests: so is this one.
		from := gotest.Parse(o.from.Narrow)
		for _, test := range unknown {
			if pattern.Matches(from.Value("run"), test) && !pattern.Skips(from.Value("skip"), test) {
				leaves = append(leaves, test)
			}
		}
	}
	only := chosen(leaves)
	return Selection{Only: only}, len(only) > 0
}

// Count counts what is outstanding: tests, and packages that have to run as a
// whole or as far as they did not.
func (o *Package) Count() (tests, packages int) {
	if o.Whole != "" {
		return 0, 1
	}
	if o.Rest {
		packages = 1
	}
	return len(o.Leaves()), packages
}
