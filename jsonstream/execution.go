package jsonstream

import (
	"encoding/json"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"gotest.tools/gotestsum/testjson"
)

// execution is a testjson.Execution that takes one event at a time. testjson
// fills one only from a reader, by ScanTestOutput; here that runs in a goroutine
// of its own and is parked in Read except while feed waits for it. So between
// two calls of feed the Execution belongs to the caller.
//
// It is fed only with what formats and summary look at: ends of packages, tests
// that fail or are skipped, times. Outputs stay in the spool.
type execution struct {
	exec *testjson.Execution // nil before the first event

	lines  chan []byte   // to the scanner; closed at the end
	parked chan struct{} // from the scanner: all lines are taken
	done   chan struct{} // closed when the scanner has returned
	rest   []byte        // of the line that Read is handing out

	stderr    *io.PipeReader // see addStderr
	errorPipe *io.PipeWriter

	first, last stamp // the times that the Execution knows
	ended       []testjson.TestEvent
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

func newExecution() *execution {
	x := &execution{
		lines:  make(chan []byte),
		parked: make(chan struct{}),
		done:   make(chan struct{}),
	}
	x.stderr, x.errorPipe = io.Pipe()
	go x.scan()
	<-x.parked
	return x
}

func (x *execution) scan() {
	defer close(x.done)
	exec, err := testjson.ScanTestOutput(testjson.ScanConfig{Stdout: x, Stderr: x.stderr, Handler: x})
	if err != nil { // a line of ours was refused: never block feed
		for range x.lines {
			x.parked <- struct{}{}
		}
	}
	x.exec = exec
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

// Event implements the scanner's handler. After the last line come the ends
// that it invents for tests without one.
func (x *execution) Event(ev testjson.TestEvent, exec *testjson.Execution) error {
	if x.exec == nil {
		x.exec = exec
	}
	if len(ev.Bytes()) == 0 {
		x.ended = append(x.ended, ev)
	}
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
	x.lines <- append(line, '\n')
	<-x.parked
}

// addTimes makes the earliest and the latest time known, by an event that has
// no other effect on the package.
func (x *execution) addTimes(pkg string, first, last stamp) {
	for _, s := range []stamp{first, last} {
		if !s.ok || x.first.ok && !s.before(x.first) && !x.last.before(s) {
			continue
		}
		if !x.first.ok || s.before(x.first) {
			x.first = s
		}
		if !x.last.ok || x.last.before(s) {
			x.last = s
		}
		t := s.time()
		x.feed(fedEvent{Time: &t, Action: "start", Package: pkg})
	}
}

// addError counts an error line of the stream. Only its first character decides
// how, so the rest stays out.
func (x *execution) addError(line []byte) {
	x.feed(fedEvent{Action: "build-output", Output: string(firstRune(line))})
}

// addStderr counts an error line of go's stderr. It may be called concurrently
// with everything but close.
func (x *execution) addStderr(line []byte) {
	x.errorPipe.Write(append(slices.Clone(firstRune(line)), '\n'))
}

func firstRune(line []byte) []byte {
	_, n := utf8.DecodeRune(line)
	return line[:n]
}

// close ends the stream: tests that were fed a run event but no end have failed
// now. Their events are returned in no certain order.
func (x *execution) close() []testjson.TestEvent {
	x.errorPipe.Close()
	close(x.lines)
	<-x.done
	return x.ended
}
