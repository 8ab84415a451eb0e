package history

import (
	"bytes"
	"encoding/binary"
	"time"
)

// The events of a run stand in its file as batches of records, which are a third
// of the lines: that makes it cheap to compress them. A batch has three parts,
// behind the lengths of all:
//
//	shapes  a byte of each record, and the numbers that it calls for
//	times   of each record but raw ones: nanoseconds since the one before
//	text    all else, end to end
//
// A record is a line of the form
//
//	{"Time":"T","Action":"A",P…
//
// where P names the package and the test: that of the record before, or one that
// was named earlier, or a new one. Any other text is a raw record. So each line
// comes out as it went in, whatever it is.
const (
	actionBits = 0x0f // an index of actions, or one of these two:
	rawRecord  = 0x00 // n: n bytes of text, which need not be a line
	clockSet   = 0x0f // n: n bytes that are the time of which the next one counts on

	placeBits  = 0x30
	samePlace  = 0x00
	knownPlace = 0x10 // i: the place of this index
	newPlace   = 0x20 // n: n bytes

	restBits   = 0xc0
	noRest     = 0x00 // the line ends
	outputRest = 0x40 // n: n bytes of an output, whose line end is left out
	otherRest  = 0x80 // n: n bytes up to the end of the line
)

// actions are those that a record can have.
var actions = [...]string{1: "output", "run", "pause", "cont", "pass", "fail", "skip", "start", "bench", "attr"}

const (
	timeText    = `{"Time":"`
	actionText  = `","Action":"`
	actionEnd   = `",`
	packageText = `"Package":"`
	testText    = `,"Test":"`
	outputText  = `,"Output":"`
	outputEnd   = `\n"}`

	// maxPlaces is how many places are remembered. Then all are forgotten.
	maxPlaces = 1 << 12
	// maxPart is the longest part of a batch.
	maxPart = 64 << 20
)

// A packer makes batches of lines.
type packer struct {
	withoutOutputs bool // of go test, from now on

	inside  bool // a line that has no end yet
	dropped bool // that line is left out
	clock   packClock
	last    []byte         // the latest place
	head    []byte         // what the latest record has between its time and its rest
	action  byte           // in head
	places  map[string]int // the index of each

	shapes, times, text []byte
}

// size is how long the batch is.
func (p *packer) size() int { return len(p.shapes) + len(p.times) + len(p.text) }

// take appends the batch to dst and begins another.
func (p *packer) take(dst []byte) []byte {
	for _, part := range [][]byte{p.shapes, p.times, p.text} {
		dst = binary.AppendUvarint(dst, uint64(len(part)))
	}
	dst = append(append(append(dst, p.shapes...), p.times...), p.text...)
	p.shapes, p.times, p.text = p.shapes[:0], p.times[:0], p.text[:0]
	return dst
}

// add takes lines. The last of them may have no end yet.
func (p *packer) add(lines []byte) {
	for len(lines) > 0 {
		n := bytes.IndexByte(lines, '\n') + 1
		ended := n > 0
		if !ended {
			n = len(lines)
		}
		line := lines[:n]
		lines = lines[n:]
		if !p.inside {
			p.dropped = p.withoutOutputs && bytes.Contains(line[:min(n, 200)], []byte(`"Action":"output"`))
		}
		if !p.dropped && (p.inside || !ended || !p.record(line[:n-1])) {
			p.shapes = append(p.shapes, rawRecord)
			p.addText(line)
		}
		p.inside = !ended
	}
}

func (p *packer) addText(text []byte) {
	p.shapes = binary.AppendUvarint(p.shapes, uint64(len(text)))
	p.text = append(p.text, text...)
}

// record adds a line without its end, unless it is of another form.
func (p *packer) record(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte(timeText))
	if !ok {
		return false
	}
	at, n, ok := p.clock.read(rest)
	if !ok {
		if n = bytes.IndexByte(rest, '"'); n < 0 || !p.clock.set(rest[:n]) {
			return false
		}
		p.shapes = append(p.shapes, clockSet)
		p.addText(rest[:n])
		at = p.clock.at
	}
	rest = rest[n:]
	shape, place, same := p.action, p.last, p.sameHead(rest)
	n = len(p.head)
	if !same {
		shape, place, same = p.readHead(rest)
		if place == nil {
			return false
		}
		n = len(actionText) + len(actions[shape]) + len(actionEnd) + len(place)
		p.head, p.action = append(p.head[:0], rest[:n]...), shape
	}
	rest = rest[n:]
	p.times = binary.AppendVarint(p.times, at-p.clock.at)
	p.clock.at = at

	switch output, isOutput := bytes.CutPrefix(rest, []byte(outputText)); {
	case len(rest) == 1 && rest[0] == '}':
		shape |= noRest
		rest = nil
	case isOutput && bytes.HasSuffix(output, []byte(outputEnd)):
		shape |= outputRest
		rest = output[:len(output)-len(outputEnd)]
	default:
		shape |= otherRest
	}
	if same {
		p.shapes = append(p.shapes, shape|samePlace)
	} else {
		p.addPlace(shape, place)
	}
	if shape&restBits != noRest {
		p.addText(rest)
	}
	return true
}

// sameHead reports whether a text begins with the action and the place of the
// latest record. That is likely, and cheap to find out.
func (p *packer) sameHead(rest []byte) bool {
	return len(p.head) > 0 && bytes.HasPrefix(rest, p.head) && !bytes.HasPrefix(rest[len(p.head):], []byte(testText))
}

// readHead returns the action and the place at the start of a text, and whether
// the place is the last one. The place is nil if there is none, or an action that
// a record can't have.
func (p *packer) readHead(rest []byte) (action byte, place []byte, same bool) {
	rest, ok := bytes.CutPrefix(rest, []byte(actionText))
	if !ok {
		return 0, nil, false
	}
	for i := 1; i < len(actions); i++ {
		if after, ok := bytes.CutPrefix(rest, []byte(actions[i])); ok && bytes.HasPrefix(after, []byte(actionEnd)) {
			place, same = placeOf(after[len(actionEnd):], p.last)
			return byte(i), place, same
		}
	}
	return 0, nil, false
}

// placeOf returns the place at the start of a text, nil if there is none, and
// whether it is the last one.
func placeOf(rest, last []byte) (place []byte, same bool) {
	if len(last) > 0 && bytes.HasPrefix(rest, last) && !bytes.HasPrefix(rest[len(last):], []byte(testText)) {
		return rest[:len(last)], true
	}
	if !bytes.HasPrefix(rest, []byte(packageText)) {
		return nil, false
	}
	n := len(packageText)
	n += bytes.IndexByte(rest[n:], '"') + 1
	if bytes.HasPrefix(rest[n:], []byte(testText)) {
		start := n + len(testText)
		if end := bytes.IndexByte(rest[start:], '"'); end >= 0 {
			n = start + end + 1
		}
	}
	return rest[:n], false
}

// addPlace adds the shape of a record with a place that is not the last one.
func (p *packer) addPlace(shape byte, place []byte) {
	p.last = append(p.last[:0], place...)
	if i, known := p.places[string(place)]; known {
		p.shapes = binary.AppendUvarint(append(p.shapes, shape|knownPlace), uint64(i))
		return
	}
	if p.places == nil || len(p.places) == maxPlaces {
		p.places = make(map[string]int)
	}
	p.places[string(place)] = len(p.places)
	p.shapes = append(p.shapes, shape|newPlace)
	p.addText(place)
}

// A packClock reads and writes times as [time.Time.MarshalText] does, all in one
// zone. Most are of the same second as the one before.
type packClock struct {
	at     int64 // the latest time, in Unix nanoseconds
	zone   *time.Location
	suffix []byte // the zone as text
	second []byte // the latest second, as in "2006-01-02T15:04:05"
	start  int64  // of that second
}

// set sets the clock to a time, in whose zone the next ones are. It reports false
// for what is not written as a clock writes it.
func (c *packClock) set(text []byte) bool {
	const seconds = len("2006-01-02T15:04:05")
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil || t.Year() < 1700 || t.Year() > 2200 {
		return false
	}
	_, offset := t.Zone()
	set := packClock{at: t.UnixNano(), zone: time.FixedZone("", offset), second: text[:seconds], start: t.Unix() * 1e9}
	if !bytes.Equal(set.append(nil, set.at), text) {
		return false
	}
	set.suffix = bytes.TrimLeft(bytes.Clone(text[seconds:]), ".0123456789")
	set.second = bytes.Clone(set.second)
	*c = set
	return true
}

// read reads the time at the start of a text, and reports false unless it is in
// the zone and in the second of the clock or the next ones.
func (c *packClock) read(text []byte) (at int64, n int, ok bool) {
	n = len(c.second)
	if n == 0 || !bytes.HasPrefix(text, c.second) {
		return 0, 0, false
	}
	nanos := int64(0)
	if n < len(text) && text[n] == '.' {
		start := n + 1
		for n = start; n < min(len(text), start+9) && text[n]-'0' <= 9; n++ {
			nanos = nanos*10 + int64(text[n]-'0')
		}
		if text[n-1] == '0' || n == start {
			return 0, 0, false
		}
		for range start + 9 - n {
			nanos *= 10
		}
	}
	if !bytes.HasPrefix(text[n:], c.suffix) {
		return 0, 0, false
	}
	return c.start + nanos, n + len(c.suffix), true
}

func (c *packClock) append(dst []byte, at int64) []byte {
	return time.Unix(0, at).In(c.zone).AppendFormat(dst, time.RFC3339Nano)
}
