package timeline

import (
	"slices"
	"sort"
	"time"

	"pgtest/jsonstream/result"
)

// findPath finds the critical path: from the end of each round back to its
// beginning, always to what had to end before. That is the last of the actions
// that the go command waited for, or else the action before it on the same
// worker of go's.
func (b *builder) findPath() {
	rounds := 0
	for _, p := range b.packages {
		rounds = max(rounds, p.Round+1)
	}
	for _, build := range b.builds {
		rounds = max(rounds, build.Round+1)
	}
	for round := range rounds {
		var path []*span
		if n := slices.IndexFunc(b.builds, func(build result.Build) bool { return build.Round == round }); n >= 0 {
			path = b.pathOf(b.builds[n])
		}
		if path == nil {
			path = chain(b.packages, func(s *span) bool { return s.Round == round })
		}
		b.path = append(b.path, path...)
	}
	for _, s := range b.path {
		s.Critical = true
		s.markTests()
	}
}

// chain returns the spans that lead to the last end: the one that ends last, the
// one that ended last before that began, and so on.
func chain(spans []*span, in func(*span) bool) []*span {
	byEnd := slices.SortedStableFunc(filter(spans, in), func(x, y *span) int { return x.end.Compare(y.end) })
	var path []*span
	for n := len(byEnd) - 1; n >= 0; {
		s := byEnd[n]
		path = append(path, s)
		n--
		for n >= 0 && byEnd[n].end.After(s.start) {
			n--
		}
	}
	slices.Reverse(path)
	return path
}

func filter(spans []*span, in func(*span) bool) func(func(*span) bool) {
	return func(yield func(*span) bool) {
		for _, s := range spans {
			if in(s) && !yield(s) {
				return
			}
		}
	}
}

// markTests marks the tests that lead to the end of a package or test.
func (s *span) markTests() {
	for _, t := range chain(s.children, func(*span) bool { return true }) {
		t.Critical = true
		t.markTests()
	}
}

// pathOf is the critical path of a round, nil if its build has no times.
func (b *builder) pathOf(build result.Build) []*span {
	spans := make(map[int]*span) // by action; -1 is the start of the go command
	for _, s := range b.spans {
		if s.Round == build.Round && s.group == buildGroup {
			spans[s.action] = s
		}
	}
	for _, p := range b.packages {
		run := func(a result.Action) bool { return a.Mode == "test run" && a.Package == p.Package }
		if n := slices.IndexFunc(build.Actions, run); n >= 0 && p.Round == build.Round {
			spans[n] = p
		}
	}
	w := newWalk(build.Actions)
	if len(w.done) == 0 {
		return nil
	}
	var path []*span
	for n := w.done[len(w.done)-1]; n >= 0; n = w.before(n) {
		if s := spans[n]; s != nil {
			path = append(path, s)
		}
	}
	if s := spans[-1]; s != nil {
		path = append(path, s)
	}
	slices.Reverse(path)
	return path
}

// A walk goes back in time through the actions of a build.
type walk struct {
	actions []result.Action
	done    []int // those that are done, by the time of that
	left    int   // steps, in case the times make no sense
}

func newWalk(actions []result.Action) *walk {
	w := &walk{actions: actions, left: len(actions)}
	for n, a := range actions {
		if !a.Start.IsZero() && !a.Done.IsZero() {
			w.done = append(w.done, n)
		}
	}
	slices.SortStableFunc(w.done, func(x, y int) int { return actions[x].Done.Compare(actions[y].Done) })
	return w
}

// before returns the action that had to end before another one could start, -1
// for none.
func (w *walk) before(n int) int {
	if w.left--; w.left < 0 {
		return -1
	}
	a := w.actions[n]
	last := -1
	for _, d := range a.Deps {
		if d >= 0 && d < len(w.actions) && !w.actions[d].Done.IsZero() && (last < 0 || w.actions[last].Done.Before(w.actions[d].Done)) {
			last = d
		}
	}
	if a.Start.Sub(a.Ready) < shortest && last >= 0 {
		return last
	}
	// It waited for a worker. The one that took it had ended something just then.
	i := sort.Search(len(w.done), func(i int) bool { return w.actions[w.done[i]].Done.After(a.Start) })
	for i--; i >= 0; i-- {
		other := w.actions[w.done[i]]
		if last >= 0 && !other.Done.After(w.actions[last].Done) {
			break
		}
		if w.done[i] != n && other.Done.Sub(other.Start) > time.Microsecond && other.Start.Before(a.Start) {
			return w.done[i]
		}
	}
	return last
}
