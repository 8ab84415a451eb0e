package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// inOrder sorts by start. Of spans that start together the longer one comes
// first, and a parent before its children.
func inOrder(spans []*span) {
	slices.SortStableFunc(spans, func(x, y *span) int {
		return cmp.Or(x.start.Compare(y.start), y.end.Compare(x.end), cmp.Compare(x.depth(), y.depth()))
	})
}

func (s *span) depth() int {
	n := 0
	for ; s.parent != nil; s = s.parent {
		n++
	}
	return n
}

// place puts spans on tracks: rounds and actions of builds side by side, each
// package on the first worker that is free, and tests that run side by side on
// tracks of that worker. It returns the number of tracks of each group.
func (b *builder) place() []int {
	inOrder(b.spans)
	var free []time.Time // by worker
	for _, s := range b.spans {
		if s.Kind != Package {
			continue
		}
		worker := slices.IndexFunc(free, func(t time.Time) bool { return !t.After(s.start) })
		if worker < 0 {
			worker, free = len(free), append(free, time.Time{})
		}
		s.group, free[worker] = firstWorker+group(worker), s.end
	}
	tracks := make([]lanes, int(firstWorker)+len(free))
	for _, s := range b.spans {
		if s.parent != nil {
			s.group = s.parent.group
		}
		tracks[s.group].add(s)
	}
	var counts []int
	for _, t := range tracks {
		counts = append(counts, len(t))
	}
	return counts
}

// lanes are the open spans of each track of a group, the innermost one last.
type lanes [][]*span

// add puts a span on the track of its parent, if nothing else runs there, or
// else on the first track that is free.
func (l *lanes) add(s *span) {
	free := -1
	for n, open := range *l {
		for len(open) > 0 && !open[len(open)-1].end.After(s.start) && open[len(open)-1] != s.parent {
			open = open[:len(open)-1]
		}
		(*l)[n] = open
		if s.parent != nil && n == s.parent.lane && len(open) > 0 && open[len(open)-1] == s.parent {
			free = n
			break
		}
		if len(open) == 0 && free < 0 {
			free = n
		}
	}
	if free < 0 {
		free, *l = len(*l), append(*l, nil)
	}
	s.lane = free
	(*l)[free] = append((*l)[free], s)
}

// timeline puts everything together. tracks counts those of each group.
func (b *builder) timeline(tracks []int) *Timeline {
	t := &Timeline{Omitted: b.omitted}
	slices.SortStableFunc(b.marks, func(x, y mark) int { return x.at.Compare(y.at) })
	if len(b.spans) > 0 {
		t.Start = b.spans[0].start
	}
	if len(b.marks) > 0 && (t.Start.IsZero() || b.marks[0].at.Before(t.Start)) {
		t.Start = b.marks[0].at
	}
	base := make([]int, len(tracks)) // the first track of each group
	for g, count := range tracks {
		if group(g) == runGroup {
			count = max(count, 1) // for marks
		}
		base[g] = len(t.Tracks)
		for n := range count {
			t.Tracks = append(t.Tracks, trackOf(group(g), n))
		}
	}
	index := make(map[*span]int, len(b.spans))
	for n, s := range b.spans {
		index[s] = n
		s.Start, s.End = s.start.Sub(t.Start), s.end.Sub(t.Start)
		s.Track, s.Parent = base[s.group]+s.lane, -1
		if s.parent != nil {
			s.Parent = index[s.parent]
		}
		t.Spans = append(t.Spans, s.Span)
		t.End = max(t.End, s.End)
	}
	for _, m := range b.marks {
		m.At = m.at.Sub(t.Start)
		if m.of != nil {
			m.Track = base[m.of.group] + m.of.lane
		}
		t.Marks = append(t.Marks, m.Mark)
		t.End = max(t.End, m.At)
	}
	for _, s := range b.path {
		t.Path = append(t.Path, index[s])
	}
	return t
}

func trackOf(g group, n int) Track {
	switch {
	case g == runGroup:
		return Track{RunGroup, "rounds"}
	case g == buildGroup:
		return Track{BuildGroup, fmt.Sprintf("build %d", n+1)}
	case n == 0:
		return Track{fmt.Sprintf("tests %d", g-firstWorker+1), "packages"}
	}
	return Track{fmt.Sprintf("tests %d", g-firstWorker+1), fmt.Sprintf("parallel %d", n)}
}
