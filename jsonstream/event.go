package jsonstream

import (
	"bytes"
	"encoding/json"
	"time"
)

// kind is the Action of an event.
type kind uint8

const (
	kindOther kind = iota // an action that a newer go may have
	kindStart
	kindRun
	kindPause
	kindCont
	kindPass
	kindFail
	kindSkip
	kindBench
	kindOutput
	kindBuildOutput
	kindBuildFail
	kindAttr
	kindArtifacts
)

var kindNames = [...]string{
	kindStart:       "start",
	kindRun:         "run",
	kindPause:       "pause",
	kindCont:        "cont",
	kindPass:        "pass",
	kindFail:        "fail",
	kindSkip:        "skip",
	kindBench:       "bench",
	kindOutput:      "output",
	kindBuildOutput: "build-output",
	kindBuildFail:   "build-fail",
	kindAttr:        "attr",
	kindArtifacts:   "artifacts",
}

func kindOf(action []byte) kind {
	for k := kindStart; int(k) < len(kindNames); k++ {
		if string(action) == kindNames[k] {
			return k
		}
	}
	return kindOther
}

// terminal says that the event ends a test or a package.
func (k kind) terminal() bool {
	return k == kindPass || k == kindFail || k == kindSkip
}

// stamp is an event's time. The zero stamp is no time.
type stamp struct {
	sec  int64 // Unix seconds
	nsec int32
	ok   bool
}

// stampOf leaves out times that RFC 3339 cannot write in UTC; the zero Time is
// no time for the renderer either.
func stampOf(t time.Time) stamp {
	if t.IsZero() || t.UTC().Year() < 0 || t.UTC().Year() > 9999 {
		return stamp{}
	}
	return stamp{sec: t.Unix(), nsec: int32(t.Nanosecond()), ok: true}
}

func (s stamp) before(o stamp) bool {
	return s.sec < o.sec || s.sec == o.sec && s.nsec < o.nsec
}

// pointer is the time for a member that is left out without one.
func (s stamp) pointer() *time.Time {
	if !s.ok {
		return nil
	}
	t := s.time()
	return &t
}

// until is the time from s to a later stamp, 0 if one of them is no time.
func (s stamp) until(o stamp) time.Duration {
	if !s.ok || !o.ok {
		return 0
	}
	return max(0, o.time().Sub(s.time()))
}

func (s stamp) time() time.Time {
	if !s.ok {
		return time.Time{}
	}
	return time.Unix(s.sec, int64(s.nsec)).UTC()
}

// text is the value of a JSON string. The zero text is the empty string.
type text struct {
	raw     []byte // points into the line, or is a copy if literal
	escaped bool   // has backslashes
	wide    bool   // has bytes beyond ASCII, perhaps invalid UTF-8
}

func literal(s string) text { return text{raw: []byte(s)} }

// appendTo appends the decoded string to dst.
func (t text) appendTo(dst []byte) []byte {
	if !t.escaped && !t.wide {
		return append(dst, t.raw...)
	}
	return unescape(dst, t.raw)
}

// bytes returns the decoded string, in scratch if it had to be decoded.
func (t text) bytes(scratch *[]byte) []byte {
	if !t.escaped && !t.wide {
		return t.raw
	}
	*scratch = unescape((*scratch)[:0], t.raw)
	return *scratch
}

// event is one decoded line. Its fields point into the line and into the
// decoder, so they are valid until the next line is decoded.
type event struct {
	raw         []byte // the line without its end; nil for a piece of a long line
	kind        kind
	time        stamp
	elapsed     float64 // seconds
	action      text
	pkg         []byte
	test        []byte
	output      text
	importPath  text
	key, value  text
	failedBuild text
	outputType  text
	noEnd       text // of an event that an event file added
}

// foreign says that an object with an Action is another program's: its action
// is none of go's, and it belongs to no package.
func (ev *event) foreign() bool {
	return ev.kind == kindOther && len(ev.pkg) == 0 && len(ev.importPath.raw) == 0
}

// jsonEvent is what encoding/json decodes lines of an unusual shape into. Its
// fields and their types are the ones that the renderer decodes, so that a line
// is an event here if it is one there. The last three are not among those and
// may hold anything.
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
	NoEnd       any
}

// arrival is the event's time, or the present if it has none.
func (ev *event) arrival() stamp {
	if ev.time.ok {
		return ev.time
	}
	return stampOf(time.Now())
}

// decoder decodes lines, one at a time.
type decoder struct {
	ev        event
	dates     dateCache
	pkg, test []byte // scratch for names with escapes
}

// decode returns the event of a line, nil if it is none: no JSON, a JSON value
// of another type, a field of a type that does not fit, or no Action.
func (d *decoder) decode(line []byte) *event {
	if d.fast(line) {
		return d.action()
	}
	return d.slow(line)
}

func (d *decoder) slow(line []byte) *event {
	if len(line) == 0 {
		return nil
	}
	var j jsonEvent
	if bytes.IndexByte(line, '{') < 0 || json.Unmarshal(line, &j) != nil {
		return nil
	}
	d.ev = event{
		raw:        line,
		time:       stampOf(j.Time),
		elapsed:    j.Elapsed,
		action:     literal(j.Action),
		pkg:        []byte(j.Package),
		test:       []byte(j.Test),
		output:     literal(j.Output),
		importPath: literal(j.ImportPath),
		key:        literal(j.Key),
		value:      literal(j.Value),
	}
	for to, value := range map[*text]any{
		&d.ev.failedBuild: j.FailedBuild, &d.ev.outputType: j.OutputType, &d.ev.noEnd: j.NoEnd,
	} {
		if s, ok := value.(string); ok {
			*to = literal(s)
		}
	}
	return d.action()
}

// action completes the event. An event without Action is none.
func (d *decoder) action() *event {
	var scratch []byte
	action := d.ev.action.bytes(&scratch)
	if len(action) == 0 {
		return nil
	}
	d.ev.kind = kindOf(action)
	return &d.ev
}
