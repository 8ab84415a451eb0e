package format

import (
	"encoding/json"
	"io"
	"time"

	"gotest.tools/gotestsum/testjson"

	"pgtest/jsonstream/event"
)

// execution is a testjson.Execution that takes one event at a time. testjson
// fills one only from a reader, by ScanTestOutput; here that runs in a
// goroutine of its own, which starts with the first event and is parked in Read
// except while feed waits for it. So between two calls of feed the Execution
// belongs to the caller.
//
// It is fed only with what formats look at: ends of packages, and where a format
// shows counts ends of tests that fail or are skipped, errors, times.
type execution struct {
	exec *testjson.Execution // nil before the first event

	lines  chan []byte   // to the scanner; closed at the end
	parked chan struct{} // from the scanner: all lines are taken
	done   chan struct{} // closed when the scanner has returned
	rest   []byte        // of the line that Read is handing out

	first, last event.Stamp // the times that the Execution knows
	errors      int         // the errors that it knows
}

// fedEvent is a line for the scanner.
type fedEvent struct {
	Time    *time.Time `json:",omitempty"`
	Action  string
	Package string  `json:",omitempty"`
	Test    string  `json:",omitempty"`
	Elapsed float64 `json:",omitempty"`
	Output  string  `json:",omitempty"`
}

func (x *execution) start() {
	x.lines, x.parked, x.done = make(chan []byte), make(chan struct{}), make(chan struct{})
	go x.scan()
	<-x.parked
}

func (x *execution) scan() {
	defer close(x.done)
	if _, err := testjson.ScanTestOutput(testjson.ScanConfig{Stdout: x, Handler: x}); err != nil {
		for range x.lines { // a line of ours was refused: never block feed
			x.parked <- struct{}{}
		}
	}
}

// Read implements the scanner's source.
func (x *execution) Read(p []byte) (int, error) {
	if len(x.rest) == 0 {
		x.parked <- struct{}{}
		line, ok := <-x.lines
		if !ok {
			return 0, io.EOF
		}
		x.rest = line
	}
	n := copy(p, x.rest)
	x.rest = x.rest[n:]
	return n, nil
}

// Event implements the scanner's handler.
func (x *execution) Event(_ testjson.TestEvent, exec *testjson.Execution) error {
	x.exec = exec
	return nil
}

// Err implements the scanner's handler.
func (x *execution) Err(string) error { return nil }

// feed adds an event and returns when it has taken effect.
func (x *execution) feed(ev fedEvent) {
	line, err := json.Marshal(ev)
	if err != nil {
		return // no value of a fedEvent that we make is unfit for JSON
	}
	if x.lines == nil {
		x.start()
	}
	x.lines <- append(line, '\n')
	<-x.parked
}

// addTimes makes the earliest and the latest time known, by an event that has
// no other effect on the package.
func (x *execution) addTimes(pkg string, first, last event.Stamp) {
	for _, s := range []event.Stamp{first, last} {
		if !s.Known() || x.first.Known() && !s.Before(x.first) && !x.last.Before(s) {
			continue
		}
		if !x.first.Known() || s.Before(x.first) {
			x.first = s
		}
		if !x.last.Known() || x.last.Before(s) {
			x.last = s
		}
		x.feed(fedEvent{Time: s.Pointer(), Action: "start", Package: pkg})
	}
}

// addErrors makes known how many errors there are. Only their number is shown.
func (x *execution) addErrors(count int) {
	for ; x.errors < count; x.errors++ {
		x.feed(fedEvent{Action: "build-output", Output: "x"})
	}
}

// close ends the scanner's goroutine. The Execution can still be read.
func (x *execution) close() {
	if x.lines != nil {
		close(x.lines)
		<-x.done
		x.lines = nil
	}
}
