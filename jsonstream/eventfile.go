package jsonstream

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"pgtest/jsonstream/result"
)

// eventFile writes events as they are, in lines of their own, and an end for
// each package and test that the stream gives none. Those events have the
// member NoEnd, which says what became of the package or test. Readers that
// don't know it find a complete stream; a Stream that reads it decides anew
// from go's own events.
type eventFile struct {
	screen
	assembler *assembler
}

func newEventFile(w io.Writer, a *assembler) *eventFile {
	return &eventFile{screen: screen{w: w}, assembler: a}
}

// event writes an event of the stream.
func (f *eventFile) event(ev *event) {
	if len(ev.noEnd.raw) > 0 {
		return // of another run of ours, which is decided anew
	}
	f.write(ev.raw)
	f.write([]byte{'\n'})
}

// noEndEvent is an event of the file's own.
type noEndEvent struct {
	Time    *time.Time `json:",omitempty"`
	Action  string
	Package string   `json:",omitempty"`
	Test    string   `json:",omitempty"`
	Elapsed *float64 `json:",omitempty"`
	Output  string   `json:",omitempty"`
	NoEnd   string
}

// The values of NoEnd: what has no end passed with its package, or it failed,
// or it was interrupted for the reason behind the prefix.
const (
	noEndPassed      = "passed"
	noEndFailed      = "failed"
	noEndInterrupted = "interrupted by "
)

// endTests ends the open tests of a package, whose own end comes next. The one
// that started last ends first: a subtest before its parent.
func (f *eventFile) endTests(p *pkg) {
	at, stop := f.at(p), f.assembler.interrupt()
	for t := p.running.last; t != nil; t = t.prev {
		if t.inFile {
			continue
		}
		t.inFile = true
		elapsed := f.assembler.ranFor(t)
		switch {
		case p.passes(t):
			f.end(f.assembler.endedAt(p), p, t.name, "pass", 0, "", noEndPassed)
		case stop != nil:
			text := fmt.Sprintf("    %s\n", interruptedAfter(elapsed, stop.Reason))
			f.end(at, p, t.name, "fail", elapsed, text, noEndInterrupted+stop.Reason)
		default:
			f.end(at, p, t.name, "fail", elapsed, "    the test has no end: its process ended first\n", noEndFailed)
		}
	}
}

// interruptPackage says that a package, whose end comes next, was interrupted.
func (f *eventFile) interruptPackage(p *pkg, reason string) {
	f.put(noEndEvent{
		Time: f.at(p).pointer(), Action: "output", Package: p.path,
		Output: "interrupted by " + reason + "\n", NoEnd: noEndInterrupted + reason,
	})
}

// endPackage ends a package that has no end.
func (f *eventFile) endPackage(p *pkg) {
	f.endTests(p)
	at, elapsed := f.at(p), p.started.until(f.assembler.endedAt(p))
	if stop := f.assembler.interrupt(); stop != nil {
		f.end(at, p, "", "fail", elapsed, "interrupted by "+stop.Reason+"\n", noEndInterrupted+stop.Reason)
		return
	}
	f.end(at, p, "", "fail", elapsed, "the package has no end: the events end first\n", noEndFailed)
}

// at is the time of the file's own events about a package. It is not before an
// interruption, whose time is read from the first of them.
func (f *eventFile) at(p *pkg) stamp {
	at := f.assembler.endedAt(p)
	if stop := f.assembler.interrupt(); stop != nil {
		if s := stampOf(stop.At); at.before(s) {
			return s
		}
	}
	return at
}

// end writes an output, if there is one, and an end.
func (f *eventFile) end(at stamp, p *pkg, test, action string, elapsed time.Duration, output, noEnd string) {
	ev := noEndEvent{Time: at.pointer(), Package: p.path, Test: test, NoEnd: noEnd}
	if output != "" {
		ev.Action, ev.Output = "output", output
		f.put(ev)
	}
	seconds := float64(elapsed.Milliseconds()) / 1000
	ev.Action, ev.Output, ev.Elapsed = action, "", &seconds
	f.put(ev)
}

func (f *eventFile) put(ev noEndEvent) {
	line, err := json.Marshal(ev)
	if err != nil {
		return // no value of a noEndEvent that we make is unfit for JSON
	}
	f.write(append(line, '\n'))
}

// heedNoEnd takes an event of an event file's own. It tells when and why the run
// was interrupted, and how long a test ran.
func (s *Stream) heedNoEnd(ev *event) {
	if reason, ok := strings.CutPrefix(string(ev.noEnd.appendTo(nil)), noEndInterrupted); ok {
		s.Note(result.Interruption{At: ev.arrival().time(), Reason: reason})
	}
	if ev.kind == kindFail && len(ev.test) > 0 {
		ran := time.Duration(math.Round(ev.elapsed*1000)) * time.Millisecond
		s.assembler.noteRan(string(ev.pkg), string(ev.test), ran)
	}
}
