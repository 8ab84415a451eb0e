package report

import (
	"bufio"
	"fmt"
	"slices"
	"time"

	"pgtest/jsonstream/timeline"
)

const (
	// maxSpans is how many spans the page draws. Of more the shortest tests are
	// left out.
	maxSpans = 50_000
	// maxSteps is how many steps of the critical path are listed.
	maxSteps = 100
)

// writeTimeline writes what the page draws, as JSON: a span is kind, name,
// package, track, depth, start, end, state, and whether it is on the critical
// path.
func (v *view) writeTimeline(w *bufio.Writer, packages map[string]int) {
	t := v.timeline
	var tracks [][2]string
	for _, track := range t.Tracks {
		tracks = append(tracks, [2]string{track.Group, track.Name})
	}
	fmt.Fprintf(w, `{"end":%d,"tracks":%s,"spans":[`, t.End.Microseconds(), quoted(tracks))
	kinds := make(map[string]int)
	var names []string
	separator := ""
	depths := nesting(t)
	least := leastShown(t)
	for i, s := range t.Spans {
		if isTest(s) && s.Duration() < least {
			continue
		}
		kind := kindOf(s)
		if _, known := kinds[kind]; !known {
			kinds[kind] = len(names)
			names = append(names, kind)
		}
		of, known := packages[s.Package]
		if !known {
			of = -1
		}
		is := -1
		switch {
		case s.Flaky:
			is = int(flaky)
		case s.Result != "":
			is = int(stateOf(s.Result))
		}
		fmt.Fprintf(w, "%s\n[%d,%s,%d,%d,%d,%d,%d,%d,%d]", separator, kinds[kind], quoted(cut(spanName(s, v.Module))), of, s.Track, depths[i],
			s.Start.Microseconds(), s.End.Microseconds(), is, number(s.Critical))
		separator = ","
	}
	w.WriteString(`],"marks":[`)
	separator = ""
	for _, m := range t.Marks {
		fmt.Fprintf(w, "%s\n[%d,%s,%s,%d]", separator, m.At.Microseconds(), quoted(m.Kind), quoted(cut(m.Text)), m.Track)
		separator = ","
	}
	fmt.Fprintf(w, `],"kinds":%s}`, quoted(names))
}

func isTest(s timeline.Span) bool {
	return s.Kind == timeline.Test || s.Kind == timeline.Subtest || s.Kind == timeline.Before
}

// spanName is the name of a test, or an import path as the page shows it.
func spanName(s timeline.Span, module string) string {
	if isTest(s) {
		return s.Name
	}
	return relative(s.Name, module)
}

// kindOf says what a span is about, and whether a cache had it.
func kindOf(s timeline.Span) string {
	switch {
	case s.LinkCache != "":
		return string(s.Kind) + ", link cache: " + s.LinkCache
	case s.Cached:
		return string(s.Kind) + ", cached"
	}
	return string(s.Kind)
}

// nesting says of each span how many others of its track it lies in.
func nesting(t *timeline.Timeline) []int {
	open := make([][]time.Duration, len(t.Tracks)) // the ends of the spans around
	depths := make([]int, len(t.Spans))
	for i, s := range t.Spans {
		around := open[s.Track]
		for len(around) > 0 && (around[len(around)-1] <= s.Start && s.Start < s.End || around[len(around)-1] < s.End) {
			around = around[:len(around)-1]
		}
		depths[i] = len(around)
		open[s.Track] = append(around, s.End)
	}
	return depths
}

// leastShown is how long a test takes at least that is drawn.
func leastShown(t *timeline.Timeline) time.Duration {
	if len(t.Spans) <= maxSpans {
		return 0
	}
	var lengths []time.Duration
	for _, s := range t.Spans {
		if isTest(s) {
			lengths = append(lengths, s.Duration())
		}
	}
	slices.Sort(lengths)
	return lengths[min(len(t.Spans)-maxSpans, len(lengths)-1)] + 1
}

// A step is one of the critical path.
type step struct {
	Kind, Name string
	Percent    int
	Took       time.Duration
}

// steps are those of the critical path, and how many others there are.
func (v *view) steps() (steps []step, more int) {
	t := v.timeline
	var longest time.Duration = 1
	for _, i := range t.Path {
		longest = max(longest, t.Spans[i].Duration())
	}
	for _, i := range t.Path[:min(len(t.Path), maxSteps)] {
		s := t.Spans[i]
		steps = append(steps, step{kindOf(s), spanName(s, v.Module), max(1, int(100*s.Duration()/longest)), s.Duration()})
	}
	return steps, len(t.Path) - len(steps)
}
