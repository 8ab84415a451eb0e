// Package jsonfile writes the events of a stream to a file: as they are, in lines
// of their own, and an end for each package and test that the stream gives none.
// Those events have the member NoEnd, which says what became of the package or
// test. Readers that don't know it find a complete stream; a Stream that reads it
// decides anew from go's own events.
//
// In the file of a run whose tests may run again, an empty output with a NoEnd of
// its own begins each round. What the run noted of processes that were left behind
// and of tests that took too long is at the end, in outputs of a build.
package jsonfile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"pgtest/jsonstream/event"
	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// File is the sink. Each write is of whole lines.
type File struct {
	sink.None
	out *sink.Screen
	// ends says that only ends of packages and tests are written.
	ends   bool
	err    error         // of reading a long line
	ended  map[test]bool // tests that have an end in the file
	rounds bool          // each round has a line that begins it
	round  int           // the present one; 1 is the run itself
	begun  int           // the latest round that has its line
}

// test names a run of a test.
type test struct {
	p  *result.Package
	id int
}

// New returns a sink that writes to w. rounds says that tests may run again.
func New(w io.Writer, rounds bool) *File {
	return &File{out: sink.NewScreen(w), ended: make(map[test]bool), rounds: rounds, round: 1}
}

// NewTiming returns a sink that writes only ends: what tells how long things took.
func NewTiming(w io.Writer) *File {
	f := New(w, false)
	f.ends = true
	return f
}

func (f *File) Needs() sink.Needs { return sink.Needs{Events: true} }

// Event writes an event of the stream. Those of another event file are left out:
// they are decided anew.
func (f *File) Event(ev *event.Event, _ *result.Package) {
	switch isEnd := ev.Kind == event.Pass || ev.Kind == event.Fail || ev.Kind == event.Skip; {
	case len(ev.NoEnd.Raw) > 0:
		f.rounds = f.rounds || ev.Round() > 0
	case isEnd || !f.ends:
		f.beginRound(ev)
		if ev.Line != nil {
			f.out.AddLine(ev.Line)
			return
		}
		f.err = cmp.Or(f.err, ev.WriteLine(f.out))
	}
}

func (f *File) NextRound(*result.Results) { f.round++ }

// beginRound writes the line that begins a round in front of its first event.
func (f *File) beginRound(ev *event.Event) {
	if !f.rounds || f.begun == f.round {
		return
	}
	f.begun = f.round
	line := noEndEvent{Time: ev.Time.Time(), Action: "output", Package: string(ev.Package), NoEnd: event.RoundBegins(f.round)}
	if len(ev.Package) == 0 {
		// Testjson takes other outputs of a build for errors.
		line.Action, line.ImportPath, line.Output = "build-output", ev.ImportPath.String(), "# "+line.NoEnd+"\n"
	}
	f.put(line)
}

// A noteEvent has one of the notes that a file keeps. Testjson takes its Output for
// no error.
type noteEvent struct {
	Action, ImportPath, Output, NoEnd string

	Leaks   *result.Leaks   `json:",omitempty"`
	Timeout *result.Timeout `json:",omitempty"`
}

const noted = "note"

// Note writes what the sections of the run and its reports are made of.
func (f *File) Note(n result.Note) {
	ev := noteEvent{Action: "build-output", ImportPath: "pgtest", NoEnd: noted}
	switch n := n.(type) {
	case result.Leaks:
		ev.Output, ev.Leaks = "# processes of "+n.Package+" were left behind\n", &n
	case result.Timeout:
		ev.Output, ev.Timeout = "# "+n.Test+" of "+n.Package+" took too long\n", &n
	default:
		return
	}
	if line, err := json.Marshal(ev); err == nil && !f.ends {
		f.out.AddLine(line)
	}
}

// ReadNote returns the note of an event that an event file added, nil if it has
// none.
func ReadNote(ev *event.Event) result.Note {
	var read noteEvent
	if ev.NoEnd.String() != noted || json.Unmarshal(ev.Line, &read) != nil {
		return nil
	}
	switch {
	case read.Leaks != nil:
		return *read.Leaks
	case read.Timeout != nil:
		return *read.Timeout
	}
	return nil
}

func (f *File) Flush() { f.out.Flush() }

func (f *File) Close(*result.Results) error {
	f.Flush()
	return cmp.Or(f.out.Err(), f.err)
}

// noEndEvent is an event of the file's own.
type noEndEvent struct {
	Time    time.Time `json:",omitzero"`
	Action  string
	Package string   `json:",omitempty"`
	Test    string   `json:",omitempty"`
	Elapsed *float64 `json:",omitempty"`
	Output  string   `json:",omitempty"`
	NoEnd   string

	ImportPath string `json:",omitempty"` // of the build that begins a round
}

// The values of NoEnd: what has no end passed with its package, or it failed,
// or it was interrupted for the reason behind the prefix. Or it is that of
// [event.RoundBegins].
const (
	passed        = "passed"
	failed        = "failed"
	interruptedBy = "interrupted by "
)

// PackageEnded ends the open tests of a package, and the package if it has no end
// of its own.
func (f *File) PackageEnded(p *result.Package) {
	f.endTests(p)
	stop := p.Interruption()
	switch {
	case p.NoEnd && stop != nil:
		f.end(f.at(p), p, "", "fail", ranFor(p), interruptedBy+stop.Reason+"\n", interruptedBy+stop.Reason)
	case p.NoEnd:
		f.end(f.at(p), p, "", "fail", ranFor(p), "the package has no end: the events end first\n", failed)
	case p.End() == result.Interrupted:
		f.put(noEndEvent{
			Time: f.at(p).Time(), Action: "output", Package: p.Path,
			Output: interruptedBy + stop.Reason + "\n", NoEnd: interruptedBy + stop.Reason,
		})
	}
}

func ranFor(p *result.Package) time.Duration { return p.Started.Until(p.EndedAt()) }

// endTests ends the open tests of a package. The one that started last ends
// first: a subtest before its parent.
func (f *File) endTests(p *result.Package) {
	at, stop := f.at(p), p.Interruption()
	for t := range p.Open {
		if f.ended[test{p, t.ID}] {
			continue
		}
		f.ended[test{p, t.ID}] = true
		elapsed := t.RanFor()
		switch {
		case p.IsPassed(t):
			f.end(p.EndedAt(), p, t.Name, "pass", 0, "", passed)
		case stop != nil:
			text := fmt.Sprintf("    %s\n", stop.After(elapsed))
			f.end(at, p, t.Name, "fail", elapsed, text, interruptedBy+stop.Reason)
		default:
			f.end(at, p, t.Name, "fail", elapsed, "    the test has no end: its process ended first\n", failed)
		}
	}
}

// at is the time of the file's own events about a package. It is not before an
// interruption, whose time is read from the first of them.
func (f *File) at(p *result.Package) event.Stamp {
	at := p.EndedAt()
	if stop := p.Interruption(); stop != nil {
		if s := event.StampOf(stop.At); at.Before(s) {
			return s
		}
	}
	return at
}

// end writes an output, if there is one, and an end.
func (f *File) end(at event.Stamp, p *result.Package, test, action string, elapsed time.Duration, output, noEnd string) {
	ev := noEndEvent{Time: at.Time(), Package: p.Path, Test: test, NoEnd: noEnd}
	if output != "" {
		ev.Action, ev.Output = "output", output
		f.put(ev)
	}
	seconds := float64(elapsed.Milliseconds()) / 1000
	ev.Action, ev.Output, ev.Elapsed = action, "", &seconds
	f.put(ev)
}

func (f *File) put(ev noEndEvent) {
	if f.ends && ev.Action != "fail" && ev.Action != "pass" {
		return
	}
	line, err := json.Marshal(ev)
	if err != nil {
		return // no value of a noEndEvent that we make is unfit for JSON
	}
	f.out.Write(append(line, '\n'))
}

// Read takes an event that an event file added: it says when and why the run
// was interrupted, and how long a test ran.
func Read(ev *event.Event, r *result.Results) {
	if reason, ok := strings.CutPrefix(ev.NoEnd.String(), interruptedBy); ok {
		r.Interrupt(result.Interruption{At: ev.Arrival().Time(), Reason: reason})
	}
	if ev.Kind == event.Fail && len(ev.Test) > 0 {
		ran := time.Duration(math.Round(ev.Elapsed*1000)) * time.Millisecond
		r.Ran(string(ev.Package), string(ev.Test), ran)
	}
}
