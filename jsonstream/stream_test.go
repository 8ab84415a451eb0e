package jsonstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/gotestsum/testjson"
	"pgtest/harness/harnesstest/race"
	"pgtest/jsonstream/event"
	"pgtest/jsonstream/format"
	"pgtest/jsonstream/internal/spool"
	"pgtest/jsonstream/junit"
	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// feed writes lines to a stream that reads them as they come, and waits until
// each batch is taken.
type feed struct {
	t    *testing.T
	s    *Stream
	w    *io.PipeWriter
	done chan error
}

func newFeed(t *testing.T, opts Options) *feed {
	t.Helper()
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	f := &feed{t: t, s: s, done: make(chan error, 1)}
	f.read()
	return f
}

// write gives the stream lines. An empty write after them returns only when the
// stream reads again: it has handled the lines by then.
func (f *feed) write(lines ...string) {
	f.t.Helper()
	io.WriteString(f.w, strings.Join(lines, "\n")+"\n")
	f.w.Write(nil)
}

// read starts reading a round.
func (f *feed) read() {
	r, w := io.Pipe()
	f.w = w
	go func() { f.done <- f.s.ReadOutput(r) }()
}

// endRound waits until everything is read.
func (f *feed) endRound() {
	f.t.Helper()
	f.w.Close()
	if err := <-f.done; err != nil {
		f.t.Error(err)
	}
}

func (f *feed) nextRound() {
	f.t.Helper()
	f.endRound()
	f.s.EndRound()
	f.s.NextRound()
	f.read()
}

func (f *feed) finish() result.Report {
	f.t.Helper()
	f.endRound()
	r, err := f.s.Finish()
	if err != nil {
		f.t.Error(err)
	}
	return r
}

// at is a line with a time, seconds after a fixed one.
func at(seconds float64, rest string) string {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
	return `{"Time":"` + at.Format(time.RFC3339Nano) + `",` + rest + `}`
}

func TestInterrupt(t *testing.T) {
	var out, xml bytes.Buffer
	f := newFeed(t, Options{Stdout: &out, Summary: testjson.SummarizeAll, JUnit: &junit.Options{Schema: junit.Strict, Out: &xml}})
	f.write(
		at(0, `"Action":"start","Package":"example.com/a"`),
		at(0, `"Action":"run","Package":"example.com/a","Test":"TestDone"`),
		at(1, `"Action":"fail","Package":"example.com/a","Test":"TestDone","Elapsed":1`),
		at(1, `"Action":"run","Package":"example.com/a","Test":"TestHangs"`),
		at(1, `"Action":"output","Package":"example.com/a","Test":"TestHangs","Output":"so far\n"`),
		at(1, `"Action":"start","Package":"example.com/b"`),
		at(1, `"Action":"run","Package":"example.com/b","Test":"TestSub"`),
		at(2, `"Action":"run","Package":"example.com/b","Test":"TestSub/x"`),
		at(2, `"Action":"start","Package":"example.com/c"`),
		at(2, `"Action":"start","Package":"example.com/d"`),
		at(2, `"Action":"run","Package":"example.com/d","Test":"TestGood"`),
		at(2, `"Action":"start","Package":"example.com/crashed"`),
		at(2, `"Action":"run","Package":"example.com/crashed","Test":"TestCrash"`),
		at(2, `"Action":"fail","Package":"example.com/crashed","Elapsed":0.5`),
	)
	stopped := time.Date(2026, 11, 23, 12, 0, 3, 0, time.UTC)
	f.s.Note(result.Interruption{At: stopped, Reason: "SIGINT"})
	f.s.Note(result.Interruption{At: stopped, Reason: "SIGTERM"})
	f.write(
		at(4.5, `"Action":"output","Package":"example.com/b","Output":"signal: interrupt\n"`),
		at(4.5, `"Action":"fail","Package":"example.com/b","Elapsed":3.5`),
		at(4.5, `"Action":"fail","Package":"example.com/a","Elapsed":4.5`),
		at(4.5, `"Action":"fail","Package":"example.com/c","Elapsed":2.5`),
		at(4.5, `"Action":"pass","Package":"example.com/d","Test":"TestGood","Elapsed":2.5`),
		at(4.5, `"Action":"pass","Package":"example.com/d","Elapsed":2.6`),
		at(4.5, `"Action":"start","Package":"example.com/e"`),
	)
	r := f.finish()
	want := `✖  example.com/crashed (500ms)
✖  example.com/a (4.5s)
✓  example.com/d (2.6s)

=== Failed
=== FAIL: example.com/a TestDone (1.00s)

=== FAIL: example.com/crashed TestCrash (unknown)

=== Interrupted
=== INTERRUPTED: example.com/a TestHangs (3.50s)
so far

=== INTERRUPTED: example.com/b TestSub (3.50s)

=== INTERRUPTED: example.com/b TestSub/x (2.50s)

=== INTERRUPTED: example.com/c  (2.50s)
signal: none

=== INTERRUPTED: example.com/e  (0.00s)

DONE 6 tests, 2 failures, 3 interrupted in 4.500s
`
	want = strings.Replace(want, "signal: none\n", "", 1)
	diff(t, out.String(), want)
	for path, end := range map[string]result.End{
		"example.com/a": result.Failed, "example.com/b": result.Interrupted, "example.com/c": result.Interrupted,
		"example.com/d": result.Passed, "example.com/e": result.Interrupted, "example.com/crashed": result.Failed,
	} {
		if p := r.Package(path); p == nil || p.End != end {
			t.Errorf("%s: %+v, want %s", path, p, end)
		}
	}
	if r.InterruptedTests != 3 || r.FailedTests != 2 || r.OK() {
		t.Errorf("report: %+v", r)
	}
	for _, s := range []string{
		`<error message="interrupted after 3.50s by SIGINT" type="interrupted">so far`,
		`<testcase name="TestSub/x" classname="example.com/b" time="2.500">`,
		`<error message="interrupted by SIGINT" type="interrupted">`,
	} {
		if !strings.Contains(xml.String(), s) {
			t.Errorf("no %s in\n%s", s, xml.String())
		}
	}
	validate(t, xml.Bytes())
}

func TestRunning(t *testing.T) {
	f := newFeed(t, Options{})
	f.write(
		at(0, `"Action":"start","Package":"a"`),
		at(1, `"Action":"run","Package":"a","Test":"TestA"`),
		at(2, `"Action":"run","Package":"a","Test":"TestA/x/y"`),
		at(3, `"Action":"run","Package":"a","Test":"TestAB"`),
		at(3, `"Action":"pause","Package":"a","Test":"TestAB"`),
		at(4, `"Action":"run","Package":"a","Test":"TestOver"`),
		at(4, `"Action":"pass","Package":"a","Test":"TestOver"`),
		at(5, `"Action":"start","Package":"b"`),
		at(5, `"Action":"start","Package":"c"`),
		at(6, `"Action":"pass","Package":"c"`),
	)
	show := func() string {
		var all []string
		for _, r := range f.s.Running() {
			all = append(all, fmt.Sprintf("%s %s %s %v %v", r.Package, r.Test, r.Started.Format("05"), r.Parent, r.Paused))
		}
		return strings.Join(all, "\n")
	}
	diff(t, show(), "a  00 true false\na TestA 01 true false\na TestA/x/y 02 false false\na TestAB 03 false true\nb  05 false false")
	f.write(
		at(7, `"Action":"cont","Package":"a","Test":"TestAB"`),
		at(7, `"Action":"pass","Package":"a","Test":"TestA/x/y"`),
		at(7, `"Action":"pass","Package":"b"`),
	)
	diff(t, show(), "a  00 true false\na TestA 01 false false\na TestAB 03 false false")
	if got, want := f.s.Progress(), (result.Progress{Ended: 2, Passed: 2}); got != want {
		t.Errorf("progress %+v, want %+v", got, want)
	}
	f.finish()
	if left := f.s.Running(); len(left) > 0 {
		t.Errorf("after the end: %+v", left)
	}
	if got, want := f.s.Progress(), (result.Progress{Ended: 3, Passed: 2, Failed: 2}); got != want {
		t.Errorf("progress %+v, want %+v", got, want)
	}
}

// TestLook looks at results while the stream goes on: what runs has printed, and
// what has failed, in earlier rounds, too.
func TestLook(t *testing.T) {
	f := newFeed(t, Options{Rounds: true})
	f.write(
		at(0, `"Action":"start","Package":"a"`),
		at(0, `"Action":"output","Package":"a","Output":"main\n"`),
		at(1, `"Action":"run","Package":"a","Test":"TestA"`),
		at(1, `"Action":"output","Package":"a","Test":"TestA","Output":"=== RUN   TestA\n"`),
		at(1, `"Action":"output","Package":"a","Test":"TestA","Output":"one\n"`),
		at(1, `"Action":"output","Package":"a","Test":"TestA","Output":"two"`),
		at(1, `"Action":"run","Package":"a","Test":"TestA/sub"`),
	)
	var look func(r *result.Results) string
	looks := func(want string) {
		t.Helper()
		got := "busy"
		f.s.Look(func(r *result.Results) { got = look(r) })
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	printed := func(pkg, test string) func(*result.Results) string {
		return func(r *result.Results) string {
			return string(bytes.Join(slices.Collect(r.Printed(pkg, test)), []byte("|")))
		}
	}
	failed := func(r *result.Results) string {
		var all []string
		for _, f := range r.FailedSoFar() {
			all = append(all, f.Name()+f.Package.RunID()+": "+string(bytes.Join(slices.Collect(f.Output()), nil)))
		}
		return strings.Join(all, ",")
	}
	for _, c := range [][3]string{{"a", "TestA", "one\n|two"}, {"a", "", "main\n"}, {"a", "TestA/sub", ""}, {"a", "TestNone", ""}, {"b", "", ""}} {
		look = printed(c[0], c[1])
		looks(c[2])
	}
	look = failed
	looks("")
	f.write(
		at(2, `"Action":"fail","Package":"a","Test":"TestA/sub"`),
		at(2, `"Action":"fail","Package":"a","Test":"TestA"`),
		at(3, `"Action":"start","Package":"b"`),
		at(3, `"Action":"output","Package":"b","Output":"no\n"`),
		at(3, `"Action":"fail","Package":"b"`),
	)
	looks("TestA/sub: ,TestA: one\ntwo,b: no\n")
	if running := f.s.Running(); len(running) != 1 || !running[0].Failed {
		t.Errorf("running %+v, want the package as failed", running)
	}
	f.nextRound()
	f.write(
		at(5, `"Action":"run","Package":"a","Test":"TestA"`),
		at(5, `"Action":"fail","Package":"a","Test":"TestA"`),
	)
	looks("TestA/sub: ,TestA: one\ntwo,b: no\n,TestA (re-run 1): ")
	f.s.turn.Lock() // as a stream does that waits for its output
	looks("busy")
	f.s.turn.Unlock()
	f.finish()
	looks("busy")
}

// TestBegan has tests whose events come late: the time of interrupted ones counts
// from when they began.
func TestBegan(t *testing.T) {
	f := newFeed(t, Options{})
	f.write(
		at(0, `"Action":"start","Package":"a"`),
		at(0, `"Action":"run","Package":"a","Test":"TestFirst"`),
		at(9, `"Action":"run","Package":"a","Test":"TestHidden"`),
		at(9, `"Action":"run","Package":"a","Test":"TestPassed"`),
		at(9, `"Action":"pass","Package":"a","Test":"TestPassed","Elapsed":0.5`),
	)
	moment := func(seconds int) time.Time {
		return time.Date(2026, 11, 23, 12, 0, seconds, 0, time.UTC)
	}
	f.s.Note(result.Began{Package: "a", Test: "TestFirst", At: moment(3)}) // its events know better
	f.s.Note(result.Began{Package: "a", Test: "TestHidden", At: moment(2)})
	f.s.Note(result.Began{Package: "a", Test: "TestPassed", At: moment(2)})
	f.s.Note(result.Began{Package: "a", Test: "TestUnknown", At: moment(2)})
	f.s.Note(result.Began{Package: "b", Test: "TestHidden", At: moment(2)})
	f.s.Note(result.Interruption{At: time.Now(), Reason: "SIGINT"})
	f.write(at(10, `"Action":"fail","Package":"a","Elapsed":10`))
	report := f.finish()
	var got []string
	for _, r := range report.Packages[0].Interrupted {
		got = append(got, fmt.Sprint(r.Name, " ", r.Elapsed))
	}
	diff(t, strings.Join(got, "\n"), "TestFirst 10s\nTestHidden 8s")
}

// blockedWriter blocks until it is let go.
type blockedWriter struct{ entered, release chan struct{} }

func (b *blockedWriter) Write(p []byte) (int, error) {
	select {
	case b.entered <- struct{}{}:
	default:
	}
	<-b.release
	return len(p), nil
}

// TestSlowReader blocks Stdout: what is running can still be seen, and the
// stream reads no more than it has room for.
func TestSlowReader(t *testing.T) {
	b := &blockedWriter{entered: make(chan struct{}, 1), release: make(chan struct{})}
	s, err := New(Options{Stdout: b, Format: "standard-verbose", NoSummary: true})
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	done := make(chan error)
	go func() { done <- s.ReadOutput(r) }()
	line := []byte(`{"Action":"output","Package":"p","Test":"TestA","Output":"` + strings.Repeat("x", 900) + `\n"}` + "\n")
	written := make(chan int, 1)
	go func() {
		n, lines := 0, line
		for range 200 {
			m, _ := w.Write(lines)
			n += m
			lines = bytes.Repeat(line, 50) // the stream rests between reads
			select {
			case <-written:
			default:
			}
			written <- n
		}
		w.Close()
	}()
	<-b.entered
	if running := s.Running(); len(running) != 2 || running[1].Test != "TestA" {
		t.Errorf("running while blocked: %+v", running)
	}
	s.Note(result.Interruption{At: time.Now(), Reason: "output is slow"})
	if n := <-written; n > event.ReadSize+sink.ScreenMax {
		t.Errorf("%d bytes were read while nothing could be written", n)
	}
	close(b.release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	s.Finish()
}

// TestNothingToShow reads a stream whose format shows nothing, while Stdout is
// blocked: nothing waits.
func TestNothingToShow(t *testing.T) {
	b := &blockedWriter{entered: make(chan struct{}, 1), release: make(chan struct{})}
	s, err := New(Options{Stdout: b, Format: "none", NoSummary: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReadOutput(bytes.NewReader(streams(t)["all"])); err != nil {
		t.Error(err)
	}
	if _, err := s.Finish(); err != nil {
		t.Error(err)
	}
}

// closedWriter fails after some bytes.
type closedWriter struct {
	room     int
	failures int
}

var errClosed = errors.New("broken pipe")

func (c *closedWriter) Write(p []byte) (int, error) {
	if c.room -= len(p); c.room < 0 {
		c.failures++
		return 0, errClosed
	}
	return len(p), nil
}

// TestOutputClosed closes Stdout early: the error is reported once and at once,
// and the files are as if nothing had happened.
func TestOutputClosed(t *testing.T) {
	stream := streams(t)["all"]
	for _, name := range format.Names() {
		var whole, part, wholeXML, partXML bytes.Buffer
		ours(t, stream, "", Options{Format: name, Summary: testjson.SummarizeAll, JSONFile: &whole, JUnit: &junit.Options{Schema: junit.Strict, Out: &wholeXML}})
		w := &closedWriter{room: 10}
		s, err := New(Options{
			Format: name, Stdout: w, JSONFile: &part, Summary: testjson.SummarizeAll,
			JUnit: &junit.Options{Schema: junit.Strict, Out: &partXML},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ReadOutput(bytes.NewReader(stream)); err != nil {
			t.Error(err)
		}
		if _, err := s.Finish(); !errors.Is(err, errClosed) {
			t.Errorf("%s: Finish returns %v", name, err)
		}
		if w.failures != 1 {
			t.Errorf("%s: %d writes failed", name, w.failures)
		}
		if !bytes.Equal(part.Bytes(), whole.Bytes()) || partXML.String() != wholeXML.String() {
			t.Errorf("%s: the files are not whole", name)
		}
	}
}

// TestInterleaved has many failing tests of several packages whose lines take
// turns, more than memory keeps. Each comes out in one piece and in order.
func TestInterleaved(t *testing.T) {
	const packages, tests, lines = 4, 25, 45
	filler := strings.Repeat("x", 2000)
	var stream bytes.Buffer
	write := func(format string, args ...any) {
		for n := range tests {
			for p := range packages {
				fmt.Fprintf(&stream, `{"Package":"p%d","Test":"Test%d",`, p, n)
				fmt.Fprintf(&stream, strings.NewReplacer("$p", fmt.Sprint(p), "$n", fmt.Sprint(n)).Replace(format)+"}\n", args...)
			}
		}
	}
	write(`"Action":"run"`)
	for range lines {
		write(`"Action":"output","Output":"p$p Test$n line "`)
		write(`"Action":"output","Output":"%s\n"`, filler)
	}
	write(`"Action":"fail","Elapsed":1`)
	if size := packages * tests * lines * len(filler); size < spool.Limit {
		t.Fatalf("the outputs have only %d bytes", size)
	}
	piece := func(p, n int) string {
		return strings.Repeat(fmt.Sprintf("p%d Test%d line %s\n", p, n, filler), lines)
	}
	for format, copies := range map[string]int{"testname": 2, "pkgname-and-test-fails": 2, "github-actions": 2, "pkgname": 1} {
		if race.Enabled && format != "testname" {
			continue
		}
		got, _ := ours(t, stream.Bytes(), "", Options{Format: format, Summary: testjson.SummarizeAll})
		for p := range packages {
			for n := range tests {
				if c := strings.Count(got, piece(p, n)); c != copies {
					t.Fatalf("%s: the output of p%d Test%d comes %d times in one piece, want %d", format, p, n, c, copies)
				}
			}
		}
	}
}

// TestPrompt shows what was made of the lines before it waits for more.
func TestPrompt(t *testing.T) {
	for format, want := range map[string]string{
		"standard-verbose": "hello\nno ", "pkgname": "✓  q (1s)\n", "dots": "[p][q]··", "testname": "PASS p.TestA (0.00s)\nPASS q\n",
		"standard-json": `"Test":"TestB"}` + "\n", "github-actions": "  PASS q.TestB (0.00s)\n",
	} {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			f := newFeed(t, Options{Stdout: &out, Format: format})
			f.write(`{"Action":"run","Package":"p","Test":"TestA"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"hello\n"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"no "}`,
				`{"Action":"run","Package":"q","Test":"TestB"}`,
				`{"Action":"pass","Package":"q","Test":"TestB"}`,
				`{"Action":"pass","Package":"p","Test":"TestA"}`,
				`{"Action":"pass","Package":"q","Elapsed":1}`)
			if got := out.String(); !strings.Contains(got, want) {
				t.Errorf("%q is not shown yet, only %q", want, got)
			}
			f.finish()
		})
	}
}

// TestPlainInDots puts a line that is no event on a line of its own.
func TestPlainInDots(t *testing.T) {
	var out bytes.Buffer
	f := newFeed(t, Options{Stdout: &out, Format: "dots", NoSummary: true})
	f.write(`{"Action":"run","Package":"p","Test":"TestA"}`, `{"Action":"pass","Package":"p","Test":"TestA"}`, "plain")
	f.write(`{"Action":"run","Package":"p","Test":"TestB"}`, `{"Action":"pass","Package":"p","Test":"TestB"}`)
	f.write("plain again", "and again")
	f.finish()
	diff(t, out.String(), "[p]·\nplain\n·\nplain again\nand again\n")
}

// lineWriter fails if a write does not end a line.
type lineWriter struct {
	t      *testing.T
	writes int
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.writes++
	if p[len(p)-1] != '\n' {
		l.t.Errorf("a write of %d bytes ends in %q", len(p), p[len(p)-1])
	}
	return len(p), nil
}

// TestWholeLines writes much output: in few writes, each of whole lines.
func TestWholeLines(t *testing.T) {
	stream := generated(t)
	if race.Enabled {
		stream = stream[:bytes.LastIndexByte(stream[:len(stream)/4], '\n')+1]
	}
	formats := []string{"standard-verbose", "standard-json", "testname", "testdox", "github-actions"}
	if race.Enabled {
		formats = formats[:2]
	}
	for _, format := range formats {
		w := &lineWriter{t: t}
		s, err := New(Options{Format: format, Stdout: w})
		if err != nil {
			t.Fatal(err)
		}
		s.ReadOutput(bytes.NewReader(stream))
		s.Finish()
		if limit := len(stream) / event.ReadSize * 8; w.writes > limit {
			t.Errorf("%s: %d writes", format, w.writes)
		}
	}
}

// TestLateOutput has output after the end of its test.
func TestLateOutput(t *testing.T) {
	const start = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.1}
{"Action":"output","Package":"p","Test":"TestA","Output":"late\n"}
`
	for _, tt := range []struct{ name, rest, want string }{
		{"package passes", `{"Action":"pass","Package":"p","Elapsed":0.2}`, `
DONE 1 tests`},
		{"panic", `{"Action":"output","Package":"p","Test":"TestA","Output":"panic: too late\n"}
{"Action":"fail","Package":"p","Elapsed":0.2}`, `
=== Failed
=== FAIL: p TestA (unknown)
late
panic: too late

DONE 2 tests, 1 failure`},
		{"another test fails", `{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestB","Output":"why\n"}
{"Action":"fail","Package":"p","Test":"TestB","Elapsed":0.1}
{"Action":"output","Package":"p","Test":"TestB","Output":"and later\n"}
{"Action":"fail","Package":"p","Elapsed":0.2}`, `
=== Failed
=== FAIL: p TestB (0.10s)
why
and later

DONE 2 tests, 1 failure`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := ours(t, []byte(start+tt.rest), "", Options{Format: "none", Summary: testjson.SummarizeAll})
			got, _, _ = strings.Cut(got, " in ")
			diff(t, got, tt.want)
		})
	}
}

// TestBenchmarksPass has benchmarks, which have no end event when they pass.
func TestBenchmarksPass(t *testing.T) {
	_, r := ours(t, streams(t)["bench"], "", Options{})
	if p := r.Package("example.com/m/bench"); p.End != result.Passed || p.PassedTests != 4 || len(p.Failed) > 0 {
		t.Errorf("%+v", p)
	}
	_, r = ours(t, streams(t)["benchfail"], "", Options{})
	p := r.Package("example.com/m/benchfail")
	if p.End != result.Failed || len(p.Failed) != 1 || p.Failed[0].Name != "BenchmarkFails" || p.PassedTests != 1 {
		t.Errorf("%+v", p)
	}
}

// TestArtifactsEvent has an event of a kind that testjson does not know.
func TestArtifactsEvent(t *testing.T) {
	got, r := ours(t, streams(t)["artifacts"], "", Options{Format: "testname"})
	p := r.Package("example.com/m/attrs")
	if p.Tests != 5 || p.PassedTests != 4 || len(p.Failed) != 1 {
		t.Errorf("%+v", p)
	}
	if !strings.Contains(got, "PASS example.com/m/attrs.TestArtifacts (0.00s)\n") {
		t.Errorf("TestArtifacts is not shown:\n%s", got)
	}
}

// TestNewerEvents has events of kinds that no go has today.
func TestNewerEvents(t *testing.T) {
	stream := `{"Action":"newer","Package":"p","Test":"TestUnknown","Output":"x"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"newer","Package":"p","Test":"TestA"}
{"Action":"newer","Package":"p"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}
`
	var file bytes.Buffer
	got, r := ours(t, []byte(stream), "", Options{Format: "standard-json", NoSummary: true, JSONFile: &file})
	if got != stream || !strings.HasPrefix(file.String(), stream) {
		t.Errorf("lines are lost:\n%s", got)
	}
	if p := r.Package("p"); p.Tests != 1 || p.PassedTests != 1 {
		t.Errorf("%+v", p)
	}
}

func TestStreamReport(t *testing.T) {
	_, r := ours(t, streams(t)["cover"], "", Options{})
	p := r.Package("example.com/m/pass")
	if p.Coverage != "coverage: 66.7% of statements" || p.End != result.Passed || p.Cached || p.Elapsed == 0 {
		t.Errorf("pass: %+v", p)
	}
	if p := r.Package("example.com/m/fail"); p.End != result.Failed || len(p.Failed) == 0 || len(p.Skipped) != 2 {
		t.Errorf("fail: %+v", p)
	}
	if r.Elapsed <= 0 || r.Started.IsZero() || r.OK() {
		t.Errorf("%+v", r)
	}
	_, r = ours(t, streams(t)["cached"], "", Options{})
	if p := r.Package("example.com/m/pass"); !p.Cached || !r.OK() {
		t.Errorf("cached: %+v", r)
	}
	_, r = ours(t, streams(t)["panic"], "", Options{})
	if p := r.Package("example.com/m/panics"); !p.Panicked || !slices.ContainsFunc(p.Failed, func(t result.TestReport) bool { return t.Panicked }) {
		t.Errorf("panic: %+v", p)
	}
	_, r = ours(t, streams(t)["buildfail"], "", Options{})
	if p := r.Package("example.com/m/importsbroken"); p.FailedBuild != "example.com/m/importsbroken/broken" || r.Errors == 0 {
		t.Errorf("buildfail: %+v", r)
	}
}

// TestStderr shows go's stderr once: as it comes, or in the summary of formats
// whose rows of dots it would break.
func TestStderr(t *testing.T) {
	const lines = "go: downloading x\nlast"
	for _, tt := range []struct {
		format, stderr string
		errors         int
	}{{"pkgname", lines + "\n", 0}, {"dots", "", 1}} {
		var out, stderr bytes.Buffer
		s, err := New(Options{Format: tt.format, Stdout: &out, Stderr: &stderr, Summary: testjson.SummarizeAll})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ReadErrors(strings.NewReader(lines)); err != nil {
			t.Error(err)
		}
		r, err := s.Finish()
		if err != nil {
			t.Error(err)
		}
		inSummary := strings.Contains(out.String(), "=== Errors\nlast\n")
		if stderr.String() != tt.stderr || r.Errors != tt.errors || inSummary != (tt.errors > 0) {
			t.Errorf("%s: stderr %q, summary %q", tt.format, stderr.String(), out.String())
		}
	}
}

// TestSections puts the run's sections between output and summary, or on standard
// error if there is none.
func TestSections(t *testing.T) {
	for _, no := range []bool{false, true} {
		var out, errors bytes.Buffer
		f := newFeed(t, Options{Stdout: &out, Stderr: &errors, NoSummary: no, Resources: true})
		f.write(`{"Action":"skip","Package":"p"}`)
		f.s.Note(result.Usage{Package: "p", Elapsed: 2 * time.Second, User: time.Second, PeakMemory: 1 << 20, AtMost: true})
		f.s.Note(result.Usage{Package: "q", System: 3 * time.Second})
		f.s.Note(result.Leaks{Package: "p", Leaks: []result.Leak{{PID: 7, Test: "TestA", Command: "sleep 60", End: "SIGTERM"}}, More: 1234})
		f.finish()
		const sections = `
=== Resources
     CPU    user  system  elapsed  peak memory  package
  3.000s  0.000s  3.000s   0.000s      0.0 MiB  q
  1.000s  1.000s  0.000s   2.000s    ≤ 1.0 MiB  p

=== Leaked processes
=== LEAK: p
    TestA: pid 7: sleep 60: in the test's process group; ended with SIGTERM
    and 1,234 more
`
		shown := noTime.ReplaceAllString(out.String(), "")
		if no {
			diff(t, shown, "∅  p\n")
			diff(t, errors.String(), sections)
		} else {
			diff(t, shown, "∅  p\n"+sections+"\nDONE 0 tests\n")
			diff(t, errors.String(), "")
		}
	}
}

// TestNotices says at once what the user is to see at once.
func TestNotices(t *testing.T) {
	var notices bytes.Buffer
	s, err := New(Options{Notices: &notices})
	if err != nil {
		t.Fatal(err)
	}
	s.Note(result.Slow{Package: "p", Test: "TestA", Elapsed: 1500 * time.Millisecond})
	s.Note(result.Timeout{Package: "p", Test: "TestA", Limit: time.Minute})
	s.Note(result.Began{Package: "p", Test: "TestA"})
	s.Note(result.Message("pgtest: x\ny"))
	diff(t, notices.String(), `pgtest: slow: TestA of p has been running for 1.5s
pgtest: TestA of p ran for longer than --test-timeout=1m0s; the package was ended
pgtest: x
y
`)
	s.Close()
}

func TestUnknownNames(t *testing.T) {
	for _, opts := range []Options{{Format: "pretty"}, {Icons: "tiny"}} {
		if _, err := New(opts); err == nil || !strings.Contains(err.Error(), "must be one of") {
			t.Errorf("%+v: %v", opts, err)
		}
	}
	if s, err := format.HideSummary("skipped,output"); err != nil || s != testjson.SummarizeFailed|testjson.SummarizeErrors {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := format.HideSummary("everything"); err == nil {
		t.Error("HideSummary takes an unknown section")
	}
}

// TestDotsWithoutTerminal falls back to dots, as testjson does.
func TestDotsWithoutTerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stdout := os.Stdout
	os.Stdout = file
	defer func() { os.Stdout = stdout }()
	v2, _ := ours(t, streams(t)["all"], "", Options{Format: "dots-v2"})
	v1, _ := ours(t, streams(t)["all"], "", Options{Format: "dots"})
	diff(t, v2, v1)
}

// TestGitHubActions is what testname turns into there.
func TestGitHubActions(t *testing.T) {
	t.Setenv("GITHUB_ACTIONS", "true")
	stream := streams(t)["fail"]
	got, _ := ours(t, stream, "", Options{Format: "testname"})
	diff(t, got, new(reference).run(t, stream, "testname", testjson.FormatOptions{}, 0, ""))
	if !strings.Contains(got, "::group::") {
		t.Error("no groups")
	}
}
