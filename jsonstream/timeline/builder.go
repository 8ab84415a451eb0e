package timeline

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgtest/jsonstream/event"
	"pgtest/jsonstream/result"
)

const (
	// shortest is what an action of a build takes that is worth showing, if no
	// program ran in it.
	shortest = time.Millisecond
	// late is by how much an event is later than what it tells that was held
	// back. On a busy machine others are late, too.
	late = 100 * time.Millisecond
	// slack is by how much the run and go may differ about one time.
	slack = 20 * time.Millisecond
)

// A builder makes a timeline. Until the end its spans point to their parents and
// have times of their own, instead of indexes and a common start.
type builder struct {
	spans     []*span
	packages  []*span
	marks     []mark
	builds    []result.Build
	processes map[string][]result.Process // by package; those that are no test's yet
	leaks     []result.Leaks
	waits     []result.Waited
	path      []*span
	omitted   int
}

type span struct {
	Span
	start, end time.Time
	parent     *span
	children   []*span
	lane       int   // in its group
	group      group // whose order is that of the timeline
	action     int   // in its build
}

// group is the run itself, the build, or a worker for packages: 2 is the first.
type group int

const (
	runGroup group = iota
	buildGroup
	firstWorker
)

type mark struct {
	Mark
	at time.Time
	of *span // nil for the run
}

func newBuilder(notes []result.Note) *builder {
	b := &builder{processes: make(map[string][]result.Process)}
	for _, n := range notes {
		switch n := n.(type) {
		case result.Build:
			b.builds = append(b.builds, n)
		case result.Process:
			b.processes[n.Package] = append(b.processes[n.Package], n)
		case result.Waited:
			b.waits = append(b.waits, n)
		case result.Leaks:
			b.leaks = append(b.leaks, n)
		case result.Signal:
			b.signal(n.At, n.Text)
		}
	}
	return b
}

func (b *builder) signal(at time.Time, text string) {
	b.marks = append(b.marks, mark{Mark: Mark{Kind: Signal, Text: text}, at: at})
}

// addPackage adds a run of a package with its tests, in any order.
func (b *builder) addPackage(p *result.Package, tests []test) {
	if !p.Started.Known() {
		return // nothing of it ran
	}
	pkg := &span{Span: Span{
		Kind: Package, Name: p.Path, Package: p.Path, Round: p.Round, Result: p.End(), Elapsed: p.Elapsed,
		Cached: p.Cached, Flaky: p.Flaky(),
	}, start: p.Started.Time(), end: p.EndedAt().Time()}
	if pkg.end.Before(pkg.start) {
		pkg.end = pkg.start.Add(p.Elapsed)
	}
	b.spans, b.packages = append(b.spans, pkg), append(b.packages, pkg)
	slices.SortStableFunc(tests, func(x, y test) int {
		return cmp.Or(compare(x.began, y.began), compare(y.ended, x.ended), cmp.Compare(len(x.name), len(y.name)))
	})
	latest := make(map[string]*span)
	var all []*span
	for _, t := range tests {
		s := t.span()
		s.parent = pkg
		for i := strings.LastIndexByte(t.name, '/'); i >= 0 && s.parent == pkg; i = strings.LastIndexByte(t.name[:i], '/') {
			s.parent = cmp.Or(latest[t.name[:i]], pkg)
		}
		if s.parent != pkg {
			s.Kind = Subtest
		}
		latest[t.name] = s
		s.parent.children = append(s.parent.children, s)
		all = append(all, s)
	}
	b.correct(pkg)
	for _, s := range pkg.children {
		s.fit()
	}
	for n, s := range all {
		if from := tests[n].from; from.Known() && !s.Guessed {
			all = s.before(tests[n], all)
		}
	}
	b.spans = append(b.spans, all...)
}

func compare(x, y event.Stamp) int {
	switch {
	case x.Before(y):
		return -1
	case y.Before(x):
		return 1
	}
	return 0
}

// span is the time in which a test ran: from where it went on, if it waited for
// its turn.
func (t test) span() *span {
	s := &span{Span: Span{
		Kind: Test, Name: t.name, Package: t.pkg.Path, Round: t.pkg.Round, Result: t.end, Elapsed: t.elapsed, Flaky: t.flaky,
		Cached: t.pkg.Cached,
	}, start: t.began.Time(), end: t.ended.Time()}
	switch {
	case t.until.Known():
		s.start = t.until.Time()
	case t.from.Known():
		s.end = t.from.Time() // its turn never came
	}
	if ahead := t.began.Until(t.from); !t.pkg.Cached && !t.cut && t.elapsed > s.end.Sub(s.start)+ahead+late {
		s.start, s.Guessed = s.end.Add(-t.elapsed), true
	}
	return s
}

// before adds the time of a parallel test before it called t.Parallel.
func (s *span) before(t test, all []*span) []*span {
	if !t.until.Known() || t.began.Until(t.from) < shortest {
		return all
	}
	ahead := &span{Span: s.Span, start: t.began.Time(), end: t.from.Time(), parent: s.parent}
	ahead.Kind, ahead.Elapsed = Before, 0
	ahead.clamp()
	return append(all, ahead)
}

// correct sets the times of tests to those of their processes, where their events
// came later. The times of their subtests are unknown then, but for how long they
// took.
func (b *builder) correct(pkg *span) {
	processes := make(map[string][]result.Process)
	for _, p := range b.processes[pkg.Package] {
		processes[p.Name] = append(processes[p.Name], p)
	}
	for _, s := range pkg.children {
		all := processes[s.Name]
		if len(all) == 0 {
			continue
		}
		p := all[0]
		processes[s.Name] = all[1:]
		if s.end.Sub(p.Ended) > slack || s.start.Sub(p.Started) > slack {
			s.start, s.end = p.Started, p.Ended
			s.arrange()
		}
		s.Guessed = false
	}
	left := slices.Concat(slices.Collect(maps.Values(processes))...)
	slices.SortFunc(left, func(x, y result.Process) int { return x.Started.Compare(y.Started) })
	b.processes[pkg.Package] = left
}

// arrange puts subtests one after the other, the last one at the end of their
// parent, or if there is no room for that, all of them at its end.
func (s *span) arrange() {
	var sum time.Duration
	for _, sub := range s.children {
		sum += sub.Elapsed
	}
	at := s.end.Add(-sum)
	inTurn := !at.Before(s.start)
	for _, sub := range s.children {
		if !inTurn {
			at = s.end.Add(-sub.Elapsed)
		}
		sub.start, sub.end, sub.Guessed = at, at.Add(sub.Elapsed), true
		at = sub.end
		sub.arrange()
	}
}

// fit keeps a test and its subtests within their parents.
func (s *span) fit() {
	s.clamp()
	for _, sub := range s.children {
		sub.fit()
	}
}

// clamp keeps a span within its parent.
func (s *span) clamp() {
	bound := func(t time.Time) time.Time {
		switch {
		case t.Before(s.parent.start):
			return s.parent.start
		case t.After(s.parent.end):
			return s.parent.end
		}
		return t
	}
	s.start, s.end = bound(s.start), bound(s.end)
	if s.end.Before(s.start) {
		s.end = s.start
	}
}

// finish adds what is left and returns the timeline.
func (b *builder) finish() *Timeline {
	b.addProcesses()
	b.addWaits()
	b.addBuilds()
	b.addRounds()
	b.addLeaks()
	b.findPath()
	return b.timeline(b.place())
}

// addWaits adds the time in which packages, or processes of theirs, waited for a
// place.
func (b *builder) addWaits() {
	for _, pkg := range b.packages {
		for _, w := range b.waits {
			if w.Package == pkg.Package && w.From.Before(pkg.end) && w.To.After(pkg.start) {
				s := &span{Span: Span{Kind: Waiting, Name: "waiting for a place", Package: w.Package, Round: pkg.Round}, start: w.From, end: w.To, parent: pkg}
				s.clamp()
				b.spans = append(b.spans, s)
			}
		}
	}
}

// addProcesses adds the processes of packages that are no test's alone.
func (b *builder) addProcesses() {
	for _, pkg := range b.packages {
		for _, p := range b.processes[pkg.Package] {
			if p.Started.Before(pkg.end) && p.Ended.After(pkg.start) {
				s := &span{Span: Span{Kind: Process, Name: p.Name, Package: p.Package, Round: pkg.Round}, start: p.Started, end: p.Ended, parent: pkg}
				s.clamp()
				b.spans = append(b.spans, s)
			}
		}
	}
}

// kinds are the kinds of go's actions. Those without a kind start nothing.
var kinds = map[string]Kind{
	"build": Compile, "cgo": Compile, "cgo compile": Compile, "cgo collect": Compile, "link": Link, "vet": Vet,
	"go test": "", "test run": "", "test print": "", "test clean": "", "test barrier": "", "nop": "", "run": "",
	"built-in package": "",
}

// addBuilds adds the actions that took time, and how long the go command took
// to begin with them.
func (b *builder) addBuilds() {
	for _, build := range b.builds {
		var first time.Time
		for n, a := range build.Actions {
			if a.Start.IsZero() {
				continue
			}
			if first.IsZero() || a.Start.Before(first) {
				first = a.Start
			}
			kind, known := kinds[a.Mode]
			if !known {
				kind = Action
			}
			if kind == "" || a.Done.IsZero() || !a.Ran && a.Done.Sub(a.Start) < shortest {
				continue
			}
			name := a.Package
			if kind == Action {
				name = strings.TrimPrefix(a.Mode, "build ") + " " + a.Package // "check cache fmt"
			}
			b.spans = append(b.spans, &span{Span: Span{
				Kind: kind, Name: name, Package: strings.TrimSuffix(a.Package, ".test"), Round: build.Round, Cached: !a.Ran, LinkCache: a.LinkCache,
			}, start: a.Start, end: a.Done, group: buildGroup, action: n})
		}
		if first.After(build.Started) && !build.Started.IsZero() {
			b.spans = append(b.spans, &span{
				Span:  Span{Kind: Load, Name: "load packages", Round: build.Round},
				start: build.Started, end: first, group: buildGroup, action: -1,
			})
		}
	}
}

// addRounds adds a span for the run and each rerun.
func (b *builder) addRounds() {
	var rounds []*span
	for _, s := range b.spans {
		for len(rounds) <= s.Round {
			rounds = append(rounds, nil)
		}
		r := rounds[s.Round]
		if r == nil {
			r = &span{Span: Span{Kind: Round, Name: "run", Round: s.Round}, start: s.start, end: s.end}
			rounds[s.Round] = r
		}
		if s.start.Before(r.start) {
			r.start = s.start
		}
		if s.end.After(r.end) {
			r.end = s.end
		}
	}
	for n, r := range rounds {
		if r != nil && n > 0 {
			r.Name = "rerun " + strconv.Itoa(n)
		}
	}
	rounds = slices.DeleteFunc(rounds, func(r *span) bool { return r == nil })
	b.spans = append(rounds, b.spans...)
}

// addLeaks marks leaks at the end of what left them behind.
func (b *builder) addLeaks() {
	for _, leaks := range b.leaks {
		var pkg *span
		for _, s := range b.packages {
			if s.Package == leaks.Package {
				pkg = s
			}
		}
		if pkg == nil {
			continue
		}
		for _, l := range leaks.Leaks {
			of := pkg
			for _, t := range pkg.children {
				if l.Test != "" && t.Name == l.Test {
					of = t
				}
			}
			b.marks = append(b.marks, mark{Mark{Kind: Leak, Text: l.String(), Package: leaks.Package, Test: l.Test}, of.end, of})
		}
	}
}
