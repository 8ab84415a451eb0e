package jsonstream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgtest/harness/harnesstest/race"
	"pgtest/jsonstream/genstream"
	"pgtest/jsonstream/result"
)

// traceEvent is an event of the Trace Event format, as a reader has it.
type traceEvent struct {
	Name, Cat, Ph, S string
	TS, Dur          *float64
	PID, TID         *int
	Args             map[string]any
}

func (e traceEvent) track() string { return fmt.Sprint(*e.PID, " ", *e.TID) }
func (e traceEvent) end() float64  { return *e.TS + *e.Dur }

// is reports whether the event is a span of a kind.
func (e traceEvent) is(kinds ...string) bool {
	kind, _ := e.Args["kind"].(string)
	return e.Ph == "X" && e.Cat != "critical path" && slices.Contains(kinds, kind)
}

// checkTrace checks a file against the rules of the format: what has a duration
// nests in its track, tracks and their groups have names, and times are in order.
// It returns the events.
func checkTrace(t testing.TB, text []byte) []traceEvent {
	t.Helper()
	var file struct{ TraceEvents []traceEvent }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatalf("%v in\n%.2000s", err, text)
	}
	named := make(map[string]bool)
	open := make(map[string][]traceEvent)
	latest := make(map[string]float64)
	for n, e := range file.TraceEvents {
		if e.PID == nil || e.TID == nil || e.Name == "" {
			t.Fatalf("event %d has no name or no track: %+v", n, e)
		}
		track := e.track()
		if e.Ph == "M" {
			if name, ok := e.Args["name"].(string); ok && name == "" {
				t.Errorf("event %d names %s nothing", n, track)
			} else if ok {
				named[e.Name+" "+track] = true
			}
			continue
		}
		if !named["thread_name "+track] || !named[fmt.Sprint("process_name ", *e.PID, " ", *e.PID)] {
			t.Errorf("%s is on a track without a name", e.Name)
		}
		if e.TS == nil || *e.TS < 0 || *e.TS < latest[track+e.Ph] {
			t.Fatalf("%s is out of order, or has no time", e.Name)
		}
		latest[track+e.Ph] = *e.TS
		switch {
		case e.Ph == "i" && slices.Contains([]string{"g", "p", "t"}, e.S):
			continue
		case e.Ph != "X" || e.Dur == nil || *e.Dur < 0:
			t.Fatalf("%s is no event of the format: %+v", e.Name, e)
		}
		const tiny = 0.0005 // half a nanosecond
		stack := open[track]
		for len(stack) > 0 && stack[len(stack)-1].end() <= *e.TS+tiny {
			stack = stack[:len(stack)-1]
		}
		if len(stack) > 0 && stack[len(stack)-1].end() < e.end()-tiny {
			t.Errorf("%s ends after %s, in which it began", e.Name, stack[len(stack)-1].Name)
		}
		open[track] = append(stack, e)
	}
	return file.TraceEvents
}

// traceOf returns the events of the file that a stream leads to, and the report.
func traceOf(t testing.TB, stream []byte, notes ...result.Note) ([]traceEvent, result.Report) {
	t.Helper()
	var file bytes.Buffer
	s, err := New(Options{Timeline: &file, Format: "none"})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range notes {
		s.Note(n)
	}
	if err := s.ReadOutput(bytes.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	report, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return checkTrace(t, file.Bytes()), report
}

// TestTraceOfRecordings finds every test of a stream in its timeline, within its
// package.
func TestTraceOfRecordings(t *testing.T) {
	paths, err := filepath.Glob("testdata/streams/*.json")
	if err != nil || len(paths) < 50 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		stream, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		events, report := traceOf(t, stream)
		packages := make(map[string]traceEvent)
		tests := make(map[string]int)
		for _, e := range events {
			if e.is("package") {
				packages[e.Name] = e
			}
			if e.is("test", "subtest") {
				tests[e.Args["package"].(string)]++
			}
		}
		for _, p := range report.Packages {
			of := packages[p.Path]
			if of.Name == "" || of.Args["result"] != string(p.End) || tests[p.Path] != p.Tests {
				t.Errorf("%s: %s has %v with %d tests, want %s with %d", filepath.Base(path), p.Path, of, tests[p.Path], p.End, p.Tests)
			}
		}
		for _, e := range events {
			if !e.is("test", "subtest") {
				continue
			}
			if p := packages[e.Args["package"].(string)]; *e.TS < *p.TS || e.end() > p.end()+0.001 || *e.PID != *p.PID {
				t.Errorf("%s: %s is not within its package", filepath.Base(path), e.Name)
			}
		}
	}
}

// randomRun writes the events of packages with tests that are parallel or not,
// down to some depth, as go test interleaves them.
type randomRun struct {
	*rand.Rand
	events []string
	tests  int
}

func (r *randomRun) event(at int, action, pkg, test, more string) {
	stamp := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(at) * time.Millisecond).Format(time.RFC3339Nano)
	line := fmt.Sprintf(`{"Time":%q,"Action":%q,"Package":%q`, stamp, action, pkg)
	if test != "" {
		line += fmt.Sprintf(`,"Test":%q`, test)
	}
	r.events = append(r.events, fmt.Sprintf("%09d%s%s}", at, line, more))
}

// test writes a test that begins at a time, and returns when it ends.
func (r *randomRun) test(at int, pkg, name string, depth int) int {
	r.tests++
	r.event(at, "run", pkg, name, "")
	began := at
	at += r.IntN(3)
	var parallel []string
	waited := 0
	if r.IntN(3) == 0 {
		waited = 1 + r.IntN(30)
		r.event(at, "pause", pkg, name, "")
		r.event(at+waited, "cont", pkg, name, "")
		at += waited
	}
	for n := range r.IntN(4) {
		if depth == 0 {
			break
		}
		sub := fmt.Sprintf("%s/s%d", name, n)
		if r.IntN(2) == 0 {
			at = r.test(at, pkg, sub, depth-1)
		} else {
			parallel = append(parallel, sub)
		}
		at += r.IntN(3)
	}
	end := at + r.IntN(20)
	for _, sub := range parallel {
		end = max(end, r.test(at, pkg, sub, depth-1))
	}
	r.event(end, []string{"pass", "fail", "skip"}[r.IntN(3)], pkg, name, fmt.Sprintf(`,"Elapsed":%.2f`, float64(end-began-waited)/1000))
	return end
}

// stream returns the events in the order of their times. Of those at the same
// time a test begins before its subtests, and ends after them.
func (r *randomRun) stream() []byte {
	slices.SortStableFunc(r.events, func(a, b string) int { return strings.Compare(a[:9], b[:9]) })
	var out []byte
	for _, line := range r.events {
		out = append(append(out, line[9:]...), '\n')
	}
	return out
}

// TestTraceOfParallelTests holds the rules of the format for tests that run side
// by side in all ways.
func TestTraceOfParallelTests(t *testing.T) {
	seeds := uint64(300)
	if race.Enabled {
		seeds = 60
	}
	for seed := range seeds {
		r := &randomRun{Rand: rand.New(rand.NewPCG(seed, 1))}
		for n := range 1 + r.IntN(5) {
			pkg := fmt.Sprintf("example.com/p%d", n)
			at := r.IntN(100)
			r.event(at, "start", pkg, "", "")
			end := at
			for i := range r.IntN(6) {
				end = max(end, r.test(at+r.IntN(40), pkg, fmt.Sprintf("Test%d", i), 2))
			}
			r.event(end, "pass", pkg, "", fmt.Sprintf(`,"Elapsed":%.3f`, float64(end-at)/1000))
		}
		events, _ := traceOf(t, r.stream())
		tests := 0
		for _, e := range events {
			if e.is("test", "subtest") {
				tests++
			}
		}
		if tests != r.tests {
			t.Errorf("seed %d: %d tests of %d", seed, tests, r.tests)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestTraceOfTests says from when to when tests of all kinds ran, and where.
func TestTraceOfTests(t *testing.T) {
	var stream strings.Builder
	event := func(ms int, action, test, rest string) {
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(ms) * time.Millisecond)
		if test != "" {
			test = fmt.Sprintf(`,"Test":%q`, test)
		}
		fmt.Fprintf(&stream, "{\"Time\":%q,\"Action\":%q,\"Package\":\"m\"%s%s}\n", at.Format(time.RFC3339Nano), action, test, rest)
	}
	event(0, "start", "", "")
	event(0, "run", "TestParallel", "")
	event(10, "pause", "TestParallel", "")
	event(10, "run", "TestQuick", "")
	event(10, "pause", "TestQuick", "")
	event(10, "run", "TestA", "")
	event(20, "run", "TestA/s", "")
	event(30, "run", "TestA/s/t/u", "") // its name has a slash
	event(40, "pass", "TestA/s/t/u", `,"Elapsed":0.01`)
	event(50, "pass", "TestA/s", `,"Elapsed":0.03`)
	event(60, "pass", "TestA", `,"Elapsed":0.05`)
	event(60, "run", "TestWaits", "")
	event(60, "pause", "TestWaits", "")
	event(60, "cont", "TestParallel", "")
	event(60, "cont", "TestQuick", "")
	event(65, "cont", "TestQuick", "") // older versions of go
	event(70, "skip", "TestQuick", `,"Elapsed":0.01`)
	event(90, "fail", "TestParallel", `,"Elapsed":0.04`)
	event(500, "run", "TestHeldBack", "")
	event(500, "pass", "TestHeldBack", `,"Elapsed":0.4`)
	event(505, "cont", "TestWaits", "")
	event(510, "run", "TestCut", "")
	event(510, "output", "TestA", `,"Output":"panic: late\n"`)
	event(600, "fail", "", `,"Elapsed":0.6`)
	events, _ := traceOf(t, []byte(stream.String()))
	var got []string
	first := 0
	for _, e := range events {
		if e.is("package") {
			first = *e.TID
		}
		if e.is("test", "subtest", "before t.Parallel") {
			got = append(got, fmt.Sprint(*e.TS/1000, "+", *e.Dur/1000, " ", *e.TID-first, " ", e.Name, " ", e.Args["kind"], " ", e.Args["result"], " ", e.Args["guessed"]))
		}
	}
	want := []string{
		"0+10 0 TestParallel (before t.Parallel) before t.Parallel failed <nil>",
		"10+50 0 TestA test passed <nil>",
		"20+30 0 TestA/s subtest passed <nil>",
		"30+10 0 TestA/s/t/u subtest passed <nil>",
		"60+30 0 TestParallel test failed <nil>",
		"60+10 1 TestQuick test skipped <nil>",
		"100+400 0 TestHeldBack test passed true",
		"505+95 0 TestWaits test panicked <nil>",
		"510+90 1 TestCut test panicked <nil>",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestTraceOfManyTests leaves out nothing of an ordinary run, however large.
func TestTraceOfManyTests(t *testing.T) {
	const packages = 20
	each := 1000
	if race.Enabled {
		each = 100
	}
	var stream bytes.Buffer
	if err := genstream.Write(&stream, genstream.Options{Packages: packages, Tests: each, Running: 4}); err != nil {
		t.Fatal(err)
	}
	events, report := traceOf(t, stream.Bytes())
	tests, workers := 0, make(map[int]bool)
	for _, e := range events {
		if e.is("test") {
			tests++
			workers[*e.PID] = true
		}
	}
	if tests != packages*each || report.Tests != tests || len(workers) != 4 {
		t.Errorf("%d tests of %d with %d workers", tests, report.Tests, len(workers))
	}
}

// TestTraceOfBuild puts actions of a build before the packages that wait for
// them, and finds the critical path.
func TestTraceOfBuild(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	line := func(ms int, rest string) string {
		return fmt.Sprintf("{\"Time\":%q,%s}\n", at(ms).Format(time.RFC3339Nano), rest)
	}
	stream := line(300, `"Action":"start","Package":"m/a"`) +
		line(310, `"Action":"run","Package":"m/a","Test":"TestA"`) +
		line(299, `"Action":"start","Package":"m/b"`) + // before go says that it could
		line(410, `"Action":"run","Package":"m/b","Test":"TestB"`) +
		line(500, `"Action":"pass","Package":"m/a","Test":"TestA","Elapsed":0.19`) +
		line(501, `"Action":"pass","Package":"m/a","Elapsed":0.2`) +
		line(900, `"Action":"pass","Package":"m/b","Test":"TestB","Elapsed":0.49`) +
		line(901, `"Action":"pass","Package":"m/b","Elapsed":0.5`)
	action := func(mode, pkg string, ready, from, to int, deps ...int) result.Action {
		return result.Action{Mode: mode, Package: pkg, Deps: deps, Ready: at(ready), Start: at(from), Done: at(to), Ran: true}
	}
	build := result.Build{Started: at(0), Actions: []result.Action{
		action("go test", "", 905, 905, 905, 1, 2),
		action("test run", "m/a", 300, 300, 502, 3),
		action("test run", "m/b", 280, 300, 902, 4), // waits for the worker that links a
		action("link", "m/a.test", 200, 200, 300, 5),
		action("link", "m/b.test", 200, 200, 280, 6),
		action("build", "m/a", 100, 100, 200),
		action("build", "m/b", 100, 100, 150),
		{Mode: "build", Package: "fmt", Ready: at(100), Start: at(100), Done: at(100)}, // cached
	}}
	build.Actions[3].LinkCache = "hit"
	events, _ := traceOf(t, []byte(stream), build, result.Signal{At: at(600), Text: "SIGINT to the tests"},
		result.Leaks{Package: "m/a", Leaks: []result.Leak{{PID: 1, Command: "sleep", End: "SIGTERM"}}})
	var path, marks []string
	kinds := make(map[string]int)
	for _, e := range events {
		if e.Cat == "critical path" {
			path = append(path, e.Name)
		}
		if e.Ph == "i" {
			marks = append(marks, fmt.Sprint(*e.TS/1000, " ", e.Name))
		}
		if e.Ph == "X" && e.Cat != "critical path" {
			kinds[e.Args["kind"].(string)]++
		}
		if e.is("link") && (e.Args["link cache"] == "hit") != (e.Args["package"] == "m/a") {
			t.Errorf("%s: link cache %v", e.Name, e.Args["link cache"])
		}
		if critical := e.Args["critical"] == true; e.is("test") && critical != (e.Name == "TestB") {
			t.Errorf("%s is critical: %v", e.Name, critical)
		}
	}
	if want := []string{"load packages", "compile m/a", "link m/a.test", "m/b"}; !slices.Equal(path, want) {
		t.Errorf("the critical path is %q, want %q", path, want)
	}
	if want := map[string]int{"round": 1, "load": 1, "compile": 2, "link": 2, "package": 2, "test": 2}; !maps.Equal(kinds, want) {
		t.Errorf("%v, want %v", kinds, want)
	}
	if len(marks) != 2 || !strings.HasPrefix(marks[0], "501 leak: pid 1: sleep") || marks[1] != "600 signal: SIGINT to the tests" {
		t.Errorf("marks: %q", marks)
	}
}

// TestTraceOfRounds shows a test that ran again in the round in which it did.
func TestTraceOfRounds(t *testing.T) {
	var file bytes.Buffer
	s, err := New(Options{Timeline: &file, Rounds: true, Format: "none"})
	if err != nil {
		t.Fatal(err)
	}
	line := func(second int, rest string) string {
		return fmt.Sprintf("{\"Time\":\"2026-01-02T03:04:%02dZ\",\"Package\":\"m/a\",%s}\n", second, rest)
	}
	for _, round := range []string{
		line(1, `"Action":"start"`) + line(1, `"Action":"run","Test":"TestA"`) + line(2, `"Action":"fail","Test":"TestA","Elapsed":1`) +
			line(2, `"Action":"fail","Elapsed":1`),
		line(5, `"Action":"start"`) + line(5, `"Action":"run","Test":"TestA"`) + line(7, `"Action":"pass","Test":"TestA","Elapsed":2`) +
			line(7, `"Action":"pass","Elapsed":2`),
	} {
		if s.Seen() {
			s.EndRound()
			s.NextRound()
		}
		if err := s.ReadOutput(strings.NewReader(round)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Finish(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range checkTrace(t, file.Bytes()) {
		if e.Ph == "X" && e.Cat != "critical path" {
			got = append(got, fmt.Sprint(math.Round(*e.TS/1e6), "+", math.Round(*e.Dur/1e6), " ", e.Name, " ", e.Args["result"], " ", e.Args["flaky"], " ", e.Args["rerun"]))
		}
	}
	want := []string{
		"0+1 run <nil> <nil> <nil>", "0+1 m/a failed true <nil>", "0+1 TestA failed true <nil>",
		"4+2 rerun 1 <nil> <nil> 1", "4+2 m/a passed <nil> 1", "4+2 TestA passed <nil> 1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
