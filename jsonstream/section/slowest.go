package section

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// Slowest lists so many of the slowest packages and tests. Those whose result
// was cached are left out.
func Slowest(out io.Writer, limit int) sink.Sink {
	return &slowest{out: out, limit: limit, tests: result.NewSlowestOfAll(limit), open: make(map[*result.Package]*result.Slowest)}
}

type slowest struct {
	sink.None
	out    io.Writer
	limit  int
	tests  *result.Slowest
	open   map[*result.Package]*result.Slowest // of packages that may turn out to be cached
	builds []result.Build
}

func (s *slowest) Needs() sink.Needs { return sink.Needs{Passed: true} }

func (s *slowest) TestEnded(t *result.Test) {
	of := s.open[t.Package]
	if of == nil {
		of = result.NewSlowestOfAll(s.limit)
		s.open[t.Package] = of
	}
	of.Add(t)
}

func (s *slowest) PackageEnded(p *result.Package) {
	if of := s.open[p]; of != nil && !p.Cached {
		for _, t := range of.Tests() {
			s.tests.AddTimed(t)
		}
	}
	delete(s.open, p)
}

func (s *slowest) Note(n result.Note) {
	if build, ok := n.(result.Build); ok {
		s.builds = append(s.builds, build)
	}
}

// times are those of a package in all rounds.
type times struct {
	path                    string
	own, link, compile, vet time.Duration
}

func (t times) total() time.Duration { return t.own + t.link + t.compile + t.vet }

func (s *slowest) Close(r *result.Results) error {
	byPath := make(map[string]*times)
	for _, p := range r.Packages() {
		if p.Cached || !p.Started.Known() || p.End() == result.Skipped && p.Tests == 0 {
			continue
		}
		t := byPath[p.Path]
		if t == nil {
			t = &times{path: p.Path}
			byPath[p.Path] = t
		}
		t.own += cmp.Or(p.Elapsed, p.Started.Until(p.EndedAt()))
		for _, test := range slices.Concat(p.Failed, p.Interrupted) {
			if test.NoEnd {
				s.tests.Add(test)
			}
		}
	}
	s.addBuilds(byPath)
	packages := slices.SortedFunc(maps.Values(byPath), func(a, b *times) int {
		return cmp.Or(cmp.Compare(b.total(), a.total()), cmp.Compare(a.path, b.path))
	})
	s.writePackages(packages[:min(len(packages), s.limit)])
	s.writeTests()
	return nil
}

// addBuilds adds what the go command did for packages.
func (s *slowest) addBuilds(packages map[string]*times) {
	for _, build := range s.builds {
		for _, a := range build.Actions {
			t := packages[strings.TrimSuffix(a.Package, ".test")]
			if t == nil {
				t = packages[strings.TrimSuffix(a.Package, "_test")]
			}
			if t == nil || !a.Ran || a.Done.IsZero() {
				continue
			}
			took := a.Done.Sub(a.Start)
			switch a.Mode {
			case "link":
				t.link += took
			case "vet":
				t.vet += took
			default:
				t.compile += took
			}
		}
	}
}

func (s *slowest) writePackages(packages []*times) {
	if len(packages) == 0 {
		return
	}
	fmt.Fprintln(s.out, "\n=== Slowest packages")
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if s.builds == nil {
		for _, t := range packages {
			fmt.Fprintf(table, "%.2fs\t\t%s\n", t.own.Seconds(), t.path)
		}
	} else {
		fmt.Fprintln(table, "total\town\tlink\tcompile\tvet\t\tpackage")
		for _, t := range packages {
			for _, d := range []time.Duration{t.total(), t.own, t.link, t.compile, t.vet} {
				fmt.Fprintf(table, "%.2fs\t", d.Seconds())
			}
			fmt.Fprintf(table, "\t%s\n", t.path)
		}
	}
	table.Flush()
}

func (s *slowest) writeTests() {
	tests := s.tests.Tests()
	if len(tests) == 0 {
		return
	}
	fmt.Fprintln(s.out, "\n=== Slowest tests")
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, t := range tests {
		fmt.Fprintf(table, "%.2fs\t\t%s (%s)\n", t.Elapsed.Seconds(), t.Test, t.Package)
	}
	table.Flush()
}
