package format

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"

	"pgtest/jsonstream/event"
	"pgtest/jsonstream/internal/spool"
	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// verbose shows events as the text that go test prints: one package after
// another in the order of their starts, which is the order of go test's command
// line. The first package that has not ended is shown as its events come; what
// the others print waits in the spool for their turn.
//
// go test -json differs from go test -v in three things, which are put right:
// a subtest is reported when it ends and not below its parent, the lines "===
// NAME" that say whose output follows are missing, and benchmarks have a line
// "=== RUN".
type verbose struct {
	sink.None
	out     *sink.Screen
	spool   *spool.Spool
	terse   bool             // as go test without -v
	turns   []*turn          // what is not shown to its end, in order
	latest  map[string]*turn // by package; those that ended too
	current *turn            // of the latest event
	scratch []byte
}

// turn is a package from its start to its end.
type turn struct {
	pkg    string
	ended  bool
	kept   spool.Buffer // what waits for the turn
	tests  map[string]*verboseTest
	last   *verboseTest // the latest that was looked up
	starts int          // of tests
	named  string       // the test that package testing named last
	// benchmark is the latest. Events of its second run, with -count or -cpu,
	// have no test.
	benchmark *verboseTest
}

// verboseTest is a test that has not ended.
type verboseTest struct {
	id     int // in the order of starts
	name   string
	parent *verboseTest // nil for none
	report []byte       // what looks like its report, if nothing followed yet
	below  spool.Buffer // what comes below its report: reports of subtests, and if terse its log
	inLog  logState
	result string // of a benchmark: the name in the line of its result, which has no end yet
}

// logState: where the latest output of a test is in what it logged. Outside →
// a line that begins as t.Log's → in it → a line without its indentation, or
// any that is no output of t.Log → outside.
type logState uint8

const (
	outsideLog logState = iota
	midLogLine          // the line has no end yet
	afterLogLine
)

func newVerbose(o Options) sink.Sink {
	return &verbose{out: o.Out, spool: o.Spool, terse: o.Terse, latest: make(map[string]*turn)}
}

func (v *verbose) Needs() sink.Needs { return sink.Needs{Events: true} }

func (v *verbose) Event(ev *event.Event, _ *result.Package) {
	if ev.Kind == event.BuildOutput || ev.Kind == event.BuildFail || len(ev.NoEnd.Raw) > 0 || v.out.Err() != nil {
		return
	}
	t := v.turn(ev)
	switch {
	case ev.Kind == event.Output && len(ev.Test) == 0:
		v.packageOutput(t, ev.Output.Bytes(&v.scratch))
	case ev.Kind == event.Output:
		v.testOutput(t, t.test(ev.Test), ev.Output.Bytes(&v.scratch))
	case ev.Kind == event.Run:
		t.begin(string(ev.Test))
	case ev.Kind.Terminal() && len(ev.Test) > 0:
		v.endTest(t, t.test(ev.Test), ev.Kind == event.Fail)
	case ev.Kind.Terminal():
		v.endPackage(t)
	}
}

// turn returns the turn of an event. A package that starts again gets a new one.
func (v *verbose) turn(ev *event.Event) *turn {
	t := v.current
	if t == nil || t.pkg != string(ev.Package) {
		t = v.latest[string(ev.Package)]
	}
	again := t != nil && t.ended && (ev.Kind == event.Start || ev.Kind == event.Run)
	if t == nil || again {
		t = &turn{pkg: string(ev.Package), tests: make(map[string]*verboseTest)}
		v.latest[t.pkg] = t
		v.turns = append(v.turns, t)
	}
	v.current = t
	return t
}

// write shows text in its turn. What comes after the end of a package has none.
func (v *verbose) write(t *turn, p []byte) {
	if len(p) == 0 {
		return
	}
	if t.ended || t == v.turns[0] {
		v.out.Write(p)
		return
	}
	v.spool.Add(&t.kept, event.Text{Raw: p})
}

// endPackage gives the turn to the next package that has not ended.
func (v *verbose) endPackage(t *turn) {
	if t.ended {
		return
	}
	v.writeOpen(t)
	t.ended = true
	t.tests, t.last = nil, nil
	for len(v.turns) > 0 && v.turns[0].ended {
		v.turns[0] = nil
		v.turns = v.turns[1:]
		if len(v.turns) > 0 {
			v.showKept(v.turns[0])
		}
	}
}

func (v *verbose) showKept(t *turn) {
	for p := range v.spool.All(&t.kept) {
		v.out.Write(p)
	}
	v.spool.Release(&t.kept)
}

// Close shows what has no end, in order.
func (v *verbose) NextRound(*result.Results) {
	for len(v.turns) > 0 {
		v.endPackage(v.turns[0])
	}
}

func (v *verbose) Close(r *result.Results) error {
	v.NextRound(r)
	return nil
}

func (v *verbose) packageOutput(t *turn, line []byte) {
	if result.HasPrefix(line, "FAIL\t") {
		v.writeOpen(t)
	}
	if v.terse && t.benchmark != nil {
		v.benchmarkOutput(t, t.benchmark, line)
		return
	}
	v.write(t, line)
}

// writeOpen shows the reports of subtests whose parents have none: the process
// ended before. (go test -v loses them.)
func (v *verbose) writeOpen(t *turn) {
	open := slices.SortedFunc(maps.Values(t.tests), func(a, b *verboseTest) int { return cmp.Compare(a.id, b.id) })
	for _, test := range open {
		v.write(t, test.report)
		test.report = nil
		if !strings.HasPrefix(test.name, "Benchmark") {
			v.writeBelow(t, test)
		}
		v.spool.Release(&test.below)
	}
}

func (v *verbose) writeBelow(t *turn, test *verboseTest) {
	v.spool.Take(&test.below, func(line []byte) { v.write(t, line) })
}

// begin makes a test known by its run event.
func (t *turn) begin(name string) {
	if !t.ended {
		t.starts++
		t.last = &verboseTest{id: t.starts, name: name, parent: t.parent(name)}
		t.tests[name] = t.last
	}
}

// test returns a test that has not ended, or one for the moment if it has.
func (t *turn) test(name []byte) *verboseTest {
	if t.last != nil && t.last.name == string(name) {
		return t.last
	}
	if test := t.tests[string(name)]; test != nil {
		t.last = test
		return test
	}
	return &verboseTest{name: string(name)}
}

// parent returns the innermost running test that name is a subtest of. A
// subtest's own name may have slashes.
func (t *turn) parent(name string) *verboseTest {
	for i := strings.LastIndexByte(name, '/'); i > 0; i = strings.LastIndexByte(name[:i], '/') {
		if p := t.tests[name[:i]]; p != nil {
			return p
		}
	}
	return nil
}

// testOutput shows what a test printed, or what package testing printed of it.
func (v *verbose) testOutput(t *turn, test *verboseTest, line []byte) {
	if test.report != nil {
		v.write(t, test.report) // the test printed it itself, as more follows
		test.report = nil
	}
	benchmark := strings.HasPrefix(test.name, "Benchmark")
	switch update := namesTest(line, test.name); {
	case update != "":
		t.named = test.name
		if benchmark {
			t.benchmark = test
		}
		if v.terse || benchmark && update == "=== RUN   " {
			return
		}
	case result.IsReport(line, test.name) && test.parent != nil:
		test.report = bytes.Clone(line)
		return
	case result.IsReport(line, test.name):
		t.named = test.name
		if !v.terse || result.HasPrefix(line, "--- FAIL: ") {
			v.write(t, line)
			v.writeBelow(t, test)
		}
		return
	case v.terse && benchmark:
		v.benchmarkOutput(t, test, line)
		return
	case v.terse && test.log(line):
		v.spool.Add(&test.below, event.Text{Raw: line})
		return
	case !v.terse && !benchmark:
		v.nameTest(t, test.name, line)
	}
	v.write(t, line)
}

// benchmarkOutput shows what a benchmark printed as without -v: its log comes
// below its result or its report.
func (v *verbose) benchmarkOutput(t *turn, test *verboseTest, line []byte) {
	if rest, ok := bytes.CutPrefix(line, []byte(test.name)); ok && len(rest) > 0 {
		if string(rest) == "\n" {
			return
		}
		if i := bytes.IndexAny(line, " \t"); i > 0 && bytes.IndexByte(line, '\t') > 0 {
			test.result = string(line[:i])
		}
	}
	switch {
	case test.log(line):
		v.spool.Add(&test.below, event.Text{Raw: line})
		return
	case result.HasPrefix(line, "--- SKIP: "+test.name):
		v.spool.Release(&test.below)
		return
	}
	v.write(t, line)
	switch {
	case result.HasPrefix(line, "--- FAIL: "+test.name):
		v.writeBelow(t, test)
	case test.result != "" && line[len(line)-1] == '\n':
		v.benchmarkLog(t, test)
		test.result = ""
	}
}

// benchmarkLog shows the start of what a benchmark logged, as much as package
// testing shows.
func (v *verbose) benchmarkLog(t *turn, test *verboseTest) {
	const limit = 10
	lines := 0
	v.spool.Take(&test.below, func(line []byte) {
		if lines == 0 {
			v.write(t, []byte("--- BENCH: "+test.result+"\n"))
		}
		if lines < limit {
			v.write(t, line)
		}
		if lines += bytes.Count(line, []byte("\n")); lines == limit {
			v.write(t, []byte("\t... [output truncated]\n"))
			lines++
		}
	})
}

// endTest puts the report of a subtest below its parent's.
func (v *verbose) endTest(t *turn, test *verboseTest, failed bool) {
	if test.parent != nil && (failed || !v.terse) {
		below := &test.parent.below
		if len(test.report) > 0 {
			v.spool.Add(below, event.Text{Raw: append([]byte("    "), test.report...)})
		}
		midLine := false
		v.spool.Take(&test.below, func(piece []byte) {
			if !midLine {
				piece = append([]byte("    "), piece...)
			}
			v.spool.Add(below, event.Text{Raw: piece})
			midLine = piece[len(piece)-1] != '\n'
		})
	}
	v.spool.Release(&test.below)
	delete(t.tests, test.name)
	t.last = nil
}

// nameTest says whose output follows, as package testing does before what a
// test logs if it named another test last.
func (v *verbose) nameTest(t *turn, name string, line []byte) {
	if t.named == name || !result.HasPrefix(line, "    ") || result.IsReport(bytes.TrimLeft(line, " "), name) {
		return
	}
	if t.named != "" {
		v.write(t, []byte("=== NAME  "+name+"\n"))
	}
	t.named = name
}

// log says whether the output is a part of what the test logged.
func (t *verboseTest) log(line []byte) bool {
	in := t.inLog == midLogLine || logLine(line) || t.inLog == afterLogLine && result.HasPrefix(line, "        ")
	switch {
	case !in:
		t.inLog = outsideLog
	case line[len(line)-1] == '\n':
		t.inLog = afterLogLine
	default:
		t.inLog = midLogLine
	}
	return in
}

// logLine says whether a line begins as t.Log's do: "    file_test.go:12: ".
func logLine(line []byte) bool {
	line, ok := bytes.CutPrefix(line, []byte("    "))
	if !ok {
		return false
	}
	_, rest, ok := bytes.Cut(line, []byte(".go:"))
	digits := len(rest) - len(bytes.TrimLeft(rest, "0123456789"))
	return ok && line[0] != ' ' && digits > 0 && result.HasPrefix(rest[digits:], ": ")
}

// namesTest returns the first word of a line in which package testing tells of
// the test, "" if the line is none.
func namesTest(line []byte, test string) string {
	if !result.HasPrefix(line, "=== ") {
		return ""
	}
	for _, update := range []string{"=== RUN   ", "=== PAUSE ", "=== CONT  ", "=== ATTR  ", "=== ARTIFACTS "} {
		rest, ok := bytes.CutPrefix(line, []byte(update))
		if !ok {
			continue
		}
		if rest, ok = bytes.CutPrefix(rest, []byte(test)); ok && (string(rest) == "\n" || result.HasPrefix(rest, " ")) {
			return update
		}
	}
	return ""
}
