// Package report writes a page about a run: one HTML file that needs no other.
// What did not pass is in its markup, all tests are in its data. It knows no
// browser; page has what one shows and does.
package report

import (
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"time"

	"pgtest/jsonstream/event"
	"pgtest/jsonstream/internal/spool"
	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
	"pgtest/jsonstream/timeline"
)

// Options say where a page goes and what is in it.
type Options struct {
	// Out gets the whole page, at the end of the run, in several writes.
	Out io.Writer
	// Command is the command line of the run, "" if there is none.
	Command string
	// Places finds where tests stand. nil finds nothing.
	Places sink.Places
	// Trend returns what became of a test in earlier runs, the oldest first. It
	// may be nil.
	Trend func(importPath, test string) []Point
}

// A Point is what became of a test in an earlier run.
type Point struct {
	Run     time.Time // when the run began
	End     result.End
	Elapsed time.Duration
}

// MaxTrend is how many earlier runs of a test are shown.
const MaxTrend = 20

const (
	// maxOutput is how many bytes of a failed test's output the page has, of
	// which the middle is left out. All tests that failed share the room.
	maxOutput, roomForOutput = 1 << 20, 8 << 20
	// maxFailures is how many failures have their output in the page, and
	// maxPassed how many of the tests that passed are in the list.
	maxFailures, maxPassed = 20_000, 200_000
	maxSlowest             = 20
	// maxName bounds a name or a reason.
	maxName = 1000
)

// New returns a Sink that keeps tests in sp, and shows the timeline of a
// collector, which is closed before it.
func New(opts Options, sp *spool.Spool, c *timeline.Collector) sink.Sink {
	if opts.Trend == nil {
		opts.Trend = func(string, string) []Point { return nil }
	}
	return &page{opts: opts, spool: sp, collector: c, slowest: result.NewSlowest(maxSlowest)}
}

type page struct {
	sink.None
	opts      Options
	spool     *spool.Spool
	collector *timeline.Collector
	passed    spool.Buffer // a record for each test that passed
	kept      int          // records in passed
	dropped   int          // tests that passed and have none
	slowest   *result.Slowest
	scratch   []byte

	leaks     []result.Leaks
	coverage  result.Coverage
	goVersion result.GoVersion
	messages  []string
	refused   bool
}

func (s *page) Needs() sink.Needs { return sink.Needs{Passed: true, Outputs: true} }

// TestEnded keeps a test that passed; the results keep the others. One that
// failed before is flaky, or in the list already.
func (s *page) TestEnded(t *result.Test) {
	s.slowest.Add(t)
	switch {
	case t.End() != result.Passed, t.Package.IsRerun() && t.Repeats():
	case s.kept == maxPassed:
		s.dropped++
	default:
		s.kept++
		s.scratch = appendPassed(s.scratch[:0], t)
		s.spool.Add(&s.passed, event.Text{Raw: s.scratch})
	}
}

// appendPassed appends the record of a test, for readPassed.
func appendPassed(dst []byte, t *result.Test) []byte {
	dst = binary.AppendUvarint(dst, uint64(t.Package.Index))
	dst = binary.AppendUvarint(dst, uint64(t.Earlier))
	dst = binary.AppendVarint(dst, int64(t.Elapsed))
	dst = binary.AppendVarint(dst, millis(t.Started()))
	return append(dst, t.Name...)
}

// readPassed returns what appendPassed wrote, and the index of the package.
func readPassed(record []byte) (row, int) {
	next := func(read func([]byte) (int64, int)) int64 {
		v, n := read(record)
		record = record[n:]
		return v
	}
	unsigned := func(b []byte) (int64, int) { v, n := binary.Uvarint(b); return int64(v), n }
	index, earlier := next(unsigned), next(unsigned)
	elapsed, started := next(binary.Varint), next(binary.Varint)
	return row{state: passed, earlier: int(earlier), elapsed: time.Duration(elapsed), started: started, name: string(record), failure: -1}, int(index)
}

// millis is a time in milliseconds since 1970, 0 if it is unknown.
func millis(s event.Stamp) int64 {
	if !s.Known() {
		return 0
	}
	return s.Time().UnixMilli()
}

func (s *page) Note(n result.Note) {
	switch n := n.(type) {
	case result.Leaks:
		s.leaks = append(s.leaks, n)
	case result.Coverage:
		s.coverage = n
	case result.GoVersion:
		s.goVersion = n
	case result.Timeout:
		s.messages = append(s.messages, n.String())
	case result.Refusal:
		s.refused = true
	}
}

// Close writes the page.
func (s *page) Close(r *result.Results) error {
	if s.refused {
		return nil
	}
	return s.write(r)
}

// module is the longest path that is the start of all import paths.
func module(packages []*result.Package) string {
	var all []string
	for _, p := range packages {
		all = append(all, p.Path)
	}
	if len(all) == 0 {
		return ""
	}
	first, last := strings.Split(slices.Min(all), "/"), strings.Split(slices.Max(all), "/")
	n := 0
	for n < min(len(first), len(last)) && first[n] == last[n] {
		n++
	}
	return strings.Join(first[:n], "/")
}

// relative is an import path behind that of the module.
func relative(path, module string) string {
	switch rest, ok := strings.CutPrefix(path, module+"/"); {
	case ok:
		return rest
	case path == module:
		return "."
	}
	return path
}
