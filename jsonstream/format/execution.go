package format

import (
	"bytes"
	"encoding/json"
	"time"

	"gotest.tools/gotestsum/testjson"

	"pgtest/jsonstream/event"
)

// execution is a testjson.Execution that takes one event at a time. testjson
// fills one only from a reader: here each event is a stream of its own.
//
// It is fed only with what formats look at: ends of packages, and where a
// format shows counts ends of tests that fail or are skipped, errors, times.
type execution struct {
	*testjson.Execution // nil before the first event

	fed         func()      // called while an event is fed, or nil
	first, last event.Stamp // of all events; last becomes known with the next one
	errors      int         // how many it knows
}

// fedEvent is a line of go test -json.
type fedEvent struct {
	Time    time.Time `json:",omitzero"`
	Action  string
	Package string  `json:",omitempty"`
	Test    string  `json:",omitempty"`
	Elapsed float64 `json:",omitempty"`
	Output  string  `json:",omitempty"`
}

// feed adds events. Tests that have no end by then fail.
func (x *execution) feed(events ...fedEvent) {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, ev := range events {
		encoder.Encode(ev) // no value of a fedEvent that we make is unfit for JSON
	}
	x.Execution, _ = testjson.ScanTestOutput(testjson.ScanConfig{Stdout: &lines, Handler: x, Execution: x.Execution})
}

// during calls show while the stream has not ended, which makes a difference to
// what testjson says of the whole.
func (x *execution) during(pkg string, show func()) {
	x.fed = show
	x.feed(fedEvent{Time: x.last.Time(), Action: "start", Package: pkg})
	x.fed = nil
}

// addTime makes the time of an event known, by one that has no other effect.
func (x *execution) addTime(pkg string, at event.Stamp) {
	if at.Known() && (!x.first.Known() || at.Before(x.first)) {
		x.first = at
		x.feed(fedEvent{Time: at.Time(), Action: "start", Package: pkg})
	}
	if x.last.Before(at) {
		x.last = at
	}
}

// Event implements testjson's handler.
func (x *execution) Event(_ testjson.TestEvent, exec *testjson.Execution) error {
	x.Execution = exec
	if x.fed != nil {
		x.fed()
	}
	return nil
}

// Err implements testjson's handler.
func (x *execution) Err(string) error { return nil }

// addErrors makes known how many errors there are. Only their number is shown.
func (x *execution) addErrors(count int) {
	for ; x.errors < count; x.errors++ {
		x.feed(fedEvent{Action: "build-output", Output: "x"})
	}
}
