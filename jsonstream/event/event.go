// Package event makes events of the lines of go test -json: found in place
// where the line has the shape that go writes, by encoding/json otherwise, and
// in pieces where it is too long for memory. It knows lines, not what they are
// about.
package event

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"
)

// A Kind is the Action of an event.
type Kind uint8

const (
	Other Kind = iota // an action that a newer go may have
	Start
	Run
	Pause
	Cont
	Pass
	Fail
	Skip
	Bench
	Output
	BuildOutput
	BuildFail
	Attr
	Artifacts
)

var names = [...]string{
	Start:       "start",
	Run:         "run",
	Pause:       "pause",
	Cont:        "cont",
	Pass:        "pass",
	Fail:        "fail",
	Skip:        "skip",
	Bench:       "bench",
	Output:      "output",
	BuildOutput: "build-output",
	BuildFail:   "build-fail",
	Attr:        "attr",
	Artifacts:   "artifacts",
}

func kindOf(action []byte) Kind {
	for k := Start; int(k) < len(names); k++ {
		if string(action) == names[k] {
			return k
		}
	}
	return Other
}

// String returns the Action, "" for Other.
func (k Kind) String() string { return names[k] }

// Terminal says that the event ends a test or a package.
func (k Kind) Terminal() bool {
	return k == Pass || k == Fail || k == Skip
}

// A Stamp is the time of an event, compact and cheap to compare. The zero Stamp
// is no time.
type Stamp struct {
	sec  int64 // Unix seconds
	nsec int32
	ok   bool
}

// StampOf returns the zero Stamp for the zero Time, and for times that RFC 3339
// cannot write in UTC.
func StampOf(t time.Time) Stamp {
	const year0, year10000 = -62167219200, 253402300800
	sec := t.Unix()
	if t.IsZero() || sec < year0 || sec >= year10000 {
		return Stamp{}
	}
	return Stamp{sec: sec, nsec: int32(t.Nanosecond()), ok: true}
}

// Known reports whether s is a time.
func (s Stamp) Known() bool { return s.ok }

func (s Stamp) Before(o Stamp) bool {
	return s.sec < o.sec || s.sec == o.sec && s.nsec < o.nsec
}

// Until is the time from s to a later Stamp, 0 if one of them is no time.
func (s Stamp) Until(o Stamp) time.Duration {
	if !s.ok || !o.ok {
		return 0
	}
	return max(0, o.Time().Sub(s.Time()))
}

// Time returns the time in UTC, the zero Time for the zero Stamp.
func (s Stamp) Time() time.Time {
	if !s.ok {
		return time.Time{}
	}
	return time.Unix(s.sec, int64(s.nsec)).UTC()
}

// Text is the value of a JSON string. The zero Text is the empty string.
type Text struct {
	Raw     []byte // as it stands in the line, or any bytes if nothing else is set
	escaped bool   // has backslashes
	wide    bool   // has bytes beyond ASCII, perhaps invalid UTF-8
}

func literal(s string) Text { return Text{Raw: []byte(s)} }

// AppendTo appends the decoded string to dst.
func (t Text) AppendTo(dst []byte) []byte {
	if !t.escaped && !t.wide {
		return append(dst, t.Raw...)
	}
	return unescape(dst, t.Raw)
}

// Bytes returns the decoded string, in scratch if it had to be decoded.
func (t Text) Bytes(scratch *[]byte) []byte {
	if !t.escaped && !t.wide {
		return t.Raw
	}
	*scratch = unescape((*scratch)[:0], t.Raw)
	return *scratch
}

func (t Text) String() string { return string(t.AppendTo(nil)) }

// An Event is one decoded line. Its fields point into the line and into the
// Decoder, so they are valid until the next line is decoded.
type Event struct {
	// Line is the line without its end. It is nil for a line that is not in
	// memory, whose output comes in pieces, an Event each: the first of them
	// has Long.
	Line []byte
	Long *io.SectionReader

	Kind        Kind
	Time        Stamp
	Elapsed     float64 // seconds
	Action      Text
	Package     []byte
	Test        []byte
	Output      Text
	ImportPath  Text
	Key, Value  Text
	FailedBuild Text
	OutputType  Text
	Path        Text // of a directory for artifacts
	NoEnd       Text // of an event that an event file added
}

// roundPrefix is in front of the number of a round.
const roundPrefix = "round "

// RoundBegins is the NoEnd of the event in front of a round. The run itself is
// round 1.
func RoundBegins(n int) string { return roundPrefix + strconv.Itoa(n) }

// RoundOf is the reverse of RoundBegins, 0 for any other text.
func RoundOf(noEnd string) int {
	text, ok := strings.CutPrefix(noEnd, roundPrefix)
	if n, err := strconv.Atoi(text); ok && err == nil {
		return n
	}
	return 0
}

// Round returns the number of the round that the event begins, 0 if it begins
// none.
func (ev *Event) Round() int { return RoundOf(ev.NoEnd.String()) }

// WriteLine writes the line and a line end, nothing for a further piece of one.
func (ev *Event) WriteLine(w io.Writer) error {
	switch {
	case ev.Line != nil:
		w.Write(ev.Line)
	case ev.Long != nil:
		ev.Long.Seek(0, io.SeekStart)
		if _, err := io.Copy(w, ev.Long); err != nil {
			return err
		}
	default:
		return nil
	}
	_, err := w.Write(newline)
	return err
}

var newline = []byte{'\n'}

// Foreign says that an object with an Action is another program's: its action
// is none of go's, and it belongs to no package.
func (ev *Event) Foreign() bool {
	return ev.Kind == Other && len(ev.Package) == 0 && len(ev.ImportPath.Raw) == 0
}

// jsonEvent is what encoding/json decodes lines of an unusual shape into. Its
// fields and their types are the ones that testjson decodes, so that a line is
// an event here if it is one there. The last four are not among those and may
// hold anything.
type jsonEvent struct {
	Time        time.Time
	Action      string
	Package     string
	Test        string
	ImportPath  string
	Elapsed     float64
	Output      string
	Key         string
	Value       string
	FailedBuild any
	OutputType  any
	Path        any
	NoEnd       any
}

// Arrival is the event's time, or the present if it has none.
func (ev *Event) Arrival() Stamp {
	if ev.Time.ok {
		return ev.Time
	}
	return StampOf(time.Now())
}

// A Decoder decodes lines, one at a time.
type Decoder struct {
	ev        Event
	clock     clock
	pkg, test []byte // scratch for names with escapes
}

// Decode returns the event of a line, nil if it is none: no JSON, a JSON value
// of another type, a field of a type that does not fit, or no Action.
func (d *Decoder) Decode(line []byte) *Event {
	if d.fast(line) {
		return d.action()
	}
	return d.slow(line)
}

func (d *Decoder) slow(line []byte) *Event {
	if len(line) == 0 {
		return nil
	}
	var j jsonEvent
	if bytes.IndexByte(line, '{') < 0 || json.Unmarshal(line, &j) != nil {
		return nil
	}
	d.ev = Event{
		Line:       line,
		Time:       StampOf(j.Time),
		Elapsed:    j.Elapsed,
		Action:     literal(j.Action),
		Package:    []byte(j.Package),
		Test:       []byte(j.Test),
		Output:     literal(j.Output),
		ImportPath: literal(j.ImportPath),
		Key:        literal(j.Key),
		Value:      literal(j.Value),
	}
	for to, value := range map[*Text]any{
		&d.ev.FailedBuild: j.FailedBuild, &d.ev.OutputType: j.OutputType, &d.ev.Path: j.Path, &d.ev.NoEnd: j.NoEnd,
	} {
		if s, ok := value.(string); ok {
			*to = literal(s)
		}
	}
	return d.action()
}

// action completes the event. An event without Action is none.
func (d *Decoder) action() *Event {
	var scratch []byte
	action := d.ev.Action.Bytes(&scratch)
	if len(action) == 0 {
		return nil
	}
	d.ev.Kind = kindOf(action)
	return &d.ev
}
