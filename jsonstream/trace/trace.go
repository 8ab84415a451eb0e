// Package trace writes a timeline as a file in the Trace Event format, which
// Perfetto and the tracing pages of browsers open.
package trace

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
	"pgtest/jsonstream/timeline"
)

// New returns a sink that writes the timeline of a collector, which is closed
// before it, to w.
func New(w io.Writer, c *timeline.Collector) sink.Sink {
	return &file{out: bufio.NewWriter(w), collector: c}
}

type file struct {
	sink.None
	out       *bufio.Writer
	collector *timeline.Collector
	groups    []int // the id of each track's group, a process to the format
	begun     bool  // an event is written
}

func (f *file) Close(*result.Results) error {
	t := f.collector.Timeline()
	f.out.WriteString("{\"traceEvents\":[")
	f.tracks(t)
	f.path(t)
	for _, s := range t.Spans {
		f.span(s)
	}
	for _, m := range t.Marks {
		f.mark(m)
	}
	other, _ := json.Marshal(map[string]any{"start": t.Start.Format(time.RFC3339Nano), "omittedTests": t.Omitted})
	fmt.Fprintf(f.out, "\n],\"displayTimeUnit\":\"ms\",\"otherData\":%s}\n", other)
	return f.out.Flush()
}

// event is an event of the format. Its members are in the order of the format's
// own description.
type event struct {
	Name  string         `json:"name"`
	Cat   string         `json:"cat,omitempty"`
	Ph    string         `json:"ph"`
	TS    *micros        `json:"ts,omitempty"`
	Dur   *micros        `json:"dur,omitempty"`
	PID   int            `json:"pid"`
	TID   int            `json:"tid"`
	CName string         `json:"cname,omitempty"`
	S     string         `json:"s,omitempty"`
	Args  map[string]any `json:"args,omitempty"`
}

// micros is a time in microseconds, with its nanoseconds.
type micros time.Duration

func (m micros) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%d.%03d", m/1000, m%1000), nil
}

func at(d time.Duration) *micros { return (*micros)(&d) }

func (f *file) write(e event) {
	line, err := json.Marshal(e)
	if err != nil {
		return // no value of an event that we make is unfit for JSON
	}
	if f.begun {
		f.out.WriteString(",")
	}
	f.begun = true
	f.out.WriteString("\n")
	f.out.Write(line)
}

// pathTrack is the id of the track of the critical path. Those of the timeline
// have the ids behind it.
const pathTrack = 1

func trackID(n int) int { return pathTrack + 1 + n }

// tracks names the tracks and says in which order they stand. A group has the id
// of its first track, as a process has that of its first thread.
func (f *file) tracks(t *timeline.Timeline) {
	name := func(what, name string, pid, tid, index int) {
		f.write(event{Name: what + "_name", Ph: "M", PID: pid, TID: tid, Args: map[string]any{"name": name}})
		f.write(event{Name: what + "_sort_index", Ph: "M", PID: pid, TID: tid, Args: map[string]any{"sort_index": index}})
	}
	group := pathTrack
	for n, track := range t.Tracks {
		if n > 0 && track.Group != t.Tracks[n-1].Group {
			group = trackID(n)
		}
		if n == 0 || group == trackID(n) {
			name("process", track.Group, group, group, group)
		}
		if n == 0 {
			name("thread", "critical path", group, pathTrack, pathTrack)
		}
		name("thread", track.Name, group, trackID(n), trackID(n))
		f.groups = append(f.groups, group)
	}
}

// path writes the critical path on a track of its own.
func (f *file) path(t *timeline.Timeline) {
	var after time.Duration
	for _, n := range t.Path {
		s := t.Spans[n]
		s.Start = max(s.Start, after)
		if s.End < s.Start {
			continue
		}
		after = s.End
		f.write(event{
			Name: title(s), Cat: "critical path", Ph: "X", TS: at(s.Start), Dur: at(s.Duration()), PID: pathTrack, TID: pathTrack, Args: args(s),
		})
	}
}

func (f *file) span(s timeline.Span) {
	category := string(s.Kind)
	if s.Critical {
		category += ",critical"
	}
	f.write(event{
		Name: title(s), Cat: category, Ph: "X", TS: at(s.Start), Dur: at(s.Duration()), PID: f.groups[s.Track], TID: trackID(s.Track),
		CName: color(s), Args: args(s),
	})
}

// title is the name of a span where only the name is read.
func title(s timeline.Span) string {
	switch {
	case s.Kind.IsBuild() && s.Kind != timeline.Action:
		return string(s.Kind) + " " + s.Name
	case s.Kind == timeline.Before:
		return s.Name + " (before t.Parallel)"
	}
	return s.Name
}

// color is the name of a color in the format. Perfetto picks its own.
func color(s timeline.Span) string {
	switch {
	case s.Result.Failed():
		return "terrible"
	case s.Result == result.Interrupted:
		return "bad"
	case s.Result == result.Skipped, s.Result == result.Quarantined, s.Cached:
		return "grey"
	case s.Critical:
		return "thread_state_iowait"
	}
	return ""
}

func args(s timeline.Span) map[string]any {
	all := map[string]any{"kind": s.Kind}
	set := func(name string, value any, is bool) {
		if is {
			all[name] = value
		}
	}
	set("package", s.Package, s.Package != "")
	set("result", s.Result, s.Result != "")
	set("flaky", true, s.Flaky)
	set("rerun", s.Round, s.Round > 0)
	set("elapsed", s.Elapsed.String(), s.Elapsed > 0)
	set("cached", true, s.Cached)
	set("link cache", s.LinkCache, s.LinkCache != "")
	set("guessed", true, s.Guessed)
	set("critical", true, s.Critical)
	return all
}

func (f *file) mark(m timeline.Mark) {
	scope, all := "t", map[string]any{"kind": m.Kind}
	if m.Package == "" {
		scope = "g"
	} else {
		all["package"] = m.Package
	}
	if m.Test != "" {
		all["test"] = m.Test
	}
	f.write(event{
		Name: strings.TrimSpace(string(m.Kind) + ": " + m.Text), Cat: string(m.Kind), Ph: "i", TS: at(m.At),
		PID: f.groups[m.Track], TID: trackID(m.Track), S: scope, Args: all,
	})
}
