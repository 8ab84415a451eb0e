package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"pgtest/jsonstream/result"
)

// A state is what the list of tests says of one. What needs somebody's attention
// comes first.
type state int

const (
	failed state = iota
	interrupted
	flaky
	quarantined
	leaked // a package of which no test is known to have left a process
	notRun
	skipped
	passed
)

// states are the names of the states, which are those of CSS classes, too.
var states = [...]string{"failed", "interrupted", "flaky", "quarantined", "leaked", "not run", "skipped", "passed"}

func (s state) String() string { return states[s] }

// stateOf is the state of a test in an earlier run.
func stateOf(end result.End) state {
	switch end {
	case result.Passed:
		return passed
	case result.Skipped:
		return skipped
	case result.Quarantined:
		return quarantined
	case result.Interrupted:
		return interrupted
	case result.NotRun:
		return notRun
	}
	return failed
}

// A row is an entry of the list of tests.
type row struct {
	pkg, name string // name is empty for the package itself
	state     state
	earlier   int // how many of its name ran before
	elapsed   time.Duration
	started   int64 // in milliseconds since 1970, 0 if it is unknown
	failure   int   // the number of the failure in the page, -1 for none
	leaks     bool
}

// rows yields all tests of a run, those that did not pass first.
func (s *page) rows(r *result.Results, failures []*failureView) iter.Seq[row] {
	return func(yield func(row) bool) {
		left := s.leakedTests()
		for i, f := range failures {
			r := row{pkg: f.Package.Path, state: f.state, elapsed: f.Elapsed, failure: i}
			if i >= maxFailures {
				r.failure = -1
			}
			if f.Test != nil {
				r.name, r.earlier, r.started = f.Test.Name, f.Test.Earlier, millis(f.Test.Started())
			}
			r.leaks = left.take(r)
			if !yield(r) {
				return
			}
		}
		packages := r.Packages()
		byIndex := make(map[int]*result.Package)
		for _, p := range packages {
			byIndex[p.Index] = p
			for _, name := range p.Unreached {
				if !yield(row{pkg: p.Path, name: name, state: notRun, failure: -1}) {
					return
				}
			}
			if p.End() == result.NotRun && len(p.Unreached) == 0 && !yield(row{pkg: p.Path, state: notRun, failure: -1}) {
				return
			}
			for _, t := range p.Skipped {
				if t.End() == result.Quarantined {
					continue // one of the failures
				}
				r := row{pkg: p.Path, name: t.Name, state: skipped, earlier: t.Earlier, elapsed: t.Elapsed, started: millis(t.Started()), failure: -1}
				r.leaks = left.take(r)
				if !t.Repeats() && !yield(r) {
					return
				}
			}
		}
		for record := range s.spool.All(&s.passed) {
			r, index := readPassed(record)
			if p := byIndex[index]; p != nil {
				r.pkg = p.Path
			}
			r.leaks = left.take(r)
			if !yield(r) {
				return
			}
		}
		for _, l := range s.leaks {
			if left[[2]string{l.Package, ""}] && !yield(row{pkg: l.Package, state: leaked, failure: -1, leaks: true}) {
				return
			}
		}
	}
}

// leaks are tests that left processes, by package and name, and packages with
// an empty name.
type leaks map[[2]string]bool

func (s *page) leakedTests() leaks {
	all := make(leaks)
	for _, l := range s.leaks {
		for _, leak := range l.Leaks {
			all[[2]string{l.Package, leak.Test}] = true
		}
	}
	return all
}

// take reports whether the test of a row is one of them, which it no longer is.
func (l leaks) take(r row) bool {
	key := [2]string{r.pkg, r.name}
	is := l[key]
	delete(l, key)
	return is
}

// writeData writes the rows and the timeline as JSON, in which no < opens an
// element.
func (s *page) writeData(w *bufio.Writer, v *view, rows iter.Seq[row]) {
	packages := make(map[string]int)
	var paths []string
	for _, p := range v.packages {
		if _, known := packages[p.Path]; !known {
			packages[p.Path] = len(paths)
			paths = append(paths, p.Path)
		}
	}
	runs := make(map[int64]int)
	fmt.Fprintf(w, `{"module":%s,"started":%d,"states":%s,"packages":%s,"tests":[`, quoted(v.Module), v.started, quoted(states), quoted(paths))
	separator := ""
	for r := range rows {
		name := cut(r.name)
		if r.earlier > 0 {
			name = fmt.Sprintf("%s (run %d)", name, r.earlier+1)
		}
		started := int64(-1)
		if r.started > 0 && v.started > 0 {
			started = r.started - v.started
		}
		fmt.Fprintf(w, "%s\n[%d,%s,%d,%d,%d,%d,%d", separator, packages[r.pkg], quoted(name), r.state, r.elapsed.Milliseconds(), started, r.failure, number(r.leaks))
		points := s.opts.Trend(r.pkg, r.name)
		for _, p := range points[max(0, len(points)-MaxTrend):] {
			at := p.Run.UnixMilli()
			if _, known := runs[at]; !known {
				runs[at] = len(runs)
			}
			fmt.Fprintf(w, ",%d,%d,%d", runs[at], stateOf(p.End), p.Elapsed.Milliseconds())
		}
		w.WriteByte(']')
		separator = ","
	}
	times := make([]int64, len(runs))
	for at, i := range runs {
		times[i] = at
	}
	fmt.Fprintf(w, `],"runs":%s,"timeline":`, quoted(times))
	v.writeTimeline(w, packages)
	w.WriteByte('}')
}

func number(is bool) int {
	if is {
		return 1
	}
	return 0
}

// quoted is JSON with escapes for what means something in HTML.
func quoted(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and numbers have a form in JSON
	}
	return text
}

// cut shortens a name.
func cut(name string) string {
	if len(name) <= maxName {
		return name
	}
	return strings.ToValidUTF8(name[:maxName], "") + "…"
}

// slowestPackages returns the packages that took longest, the slowest first.
func slowestPackages(packages []*result.Package) []result.Timed {
	longest := make(map[string]time.Duration) // of all rounds
	for _, p := range packages {
		if !p.Cached {
			longest[p.Path] = max(longest[p.Path], p.Elapsed)
		}
	}
	var all []result.Timed
	for path, elapsed := range longest {
		if elapsed > 0 {
			all = append(all, result.Timed{Package: path, Elapsed: elapsed})
		}
	}
	slices.SortFunc(all, func(a, b result.Timed) int {
		return cmp.Or(cmp.Compare(b.Elapsed, a.Elapsed), strings.Compare(a.Package, b.Package))
	})
	return all[:min(len(all), maxSlowest)]
}
