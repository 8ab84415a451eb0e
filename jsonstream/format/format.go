// Package format shows a stream in gotestsum's formats, and sums it up. Most
// formats are testjson's own: what it takes to have them shown one event at a
// time, without what they don't show, is here and nowhere else.
package format

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"iter"
	"os"
	"strings"

	"golang.org/x/term"
	"gotest.tools/gotestsum/testjson"

	"pgtest/jsonstream/event"
	"pgtest/jsonstream/internal/spool"
	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// A format says which events one of testjson's formatters shows. It sees no
// others, which is what makes it fast.
type format struct {
	packageEnd    bool
	packageOutput bool
	firstRun      bool
	testEnd       bool
	failOutput    bool // a failed test's output comes before its end
	grouped       bool // a test's output comes within its end
	everything    bool
	quiet         bool // go's stderr would break its rows
	make          func(Options) sink.Sink
}

var formats = map[string]format{
	"dots":                   {firstRun: true, testEnd: true, quiet: true},
	"dots-v2":                {everything: true, quiet: true},
	"pkgname":                {packageEnd: true},
	"pkgname-and-test-fails": {packageEnd: true, failOutput: true},
	"testname":               {packageEnd: true, packageOutput: true, testEnd: true, failOutput: true},
	"testdox":                {packageEnd: true, testEnd: true},
	"github-actions":         {packageEnd: true, testEnd: true, grouped: true},
	"standard-quiet":         {make: newQuiet},
	"standard-verbose":       {make: newVerbose},
	"standard-json":          {make: newJSON},
	"none":                   {},
	"teamcity":               {}, // the stream adds what shows it
	"debug":                  {everything: true},
}

// Options say how events are shown.
type Options struct {
	Format            string // one of Names
	Icons             string // one of Icons or empty
	HideEmptyPackages bool
	// Terse leaves out of standard-verbose what go test prints with -v alone.
	Terse bool
	// Pure leaves out of standard-json the empty lines with which testjson ends
	// tests that have no end.
	Pure  bool
	Out   *sink.Screen
	Spool *spool.Spool
	// Errors are counted by dots-v2.
	Errors *result.Errors
}

// New returns the sink that shows a format.
func New(o Options) sink.Sink {
	o.Format = current(o.Format)
	if o.Format == "testname" && os.Getenv("GITHUB_ACTIONS") == "true" {
		o.Format = "github-actions" // testjson does the same
	}
	if o.Format == "dots-v2" && !stdoutIsTerminal() {
		o.Format = "dots" // testjson too, with a warning
	}
	f := formats[o.Format]
	if f.make != nil {
		return f.make(o)
	}
	s := &shown{format: f, Options: o, packages: make(map[*result.Package]*shownPackage)}
	opts := testjson.FormatOptions{HideEmptyPackages: o.HideEmptyPackages, Icons: o.Icons}
	switch {
	case o.Format == "testdox":
		s.formatter = newTestdox(o.Out, opts)
	case f.grouped:
		s.token = rand.Text()
		s.formatter = testjson.NewEventFormatter(&s.group, o.Format, opts)
	default:
		s.formatter = testjson.NewEventFormatter(o.Out, o.Format, opts)
	}
	return s
}

// stdoutIsTerminal asks what testjson asks: dots-v2 needs a width.
func stdoutIsTerminal() bool {
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	return err == nil && width > 0
}

// shown shows events by one of testjson's formatters.
type shown struct {
	sink.None
	format
	Options
	exec      execution // of formats that show everything, all packages
	formatter testjson.EventFormatter
	packages  map[*result.Package]*shownPackage
	group     bytes.Buffer // if grouped
	token     string       // stands for a test's output in group
}

// shownPackage is what testjson knows of a package.
type shownPackage struct {
	*testjson.Package
	exec              *execution
	name              string // no longer than its scanner takes
	round             int
	coverage, shuffle string // the latest that it was fed with
	cached, timedOut  bool
	dump              spool.Buffer // what a test printed after it had timed out, if grouped
}

func (s *shown) Needs() sink.Needs {
	return sink.Needs{
		Events:  s.everything || s.packageOutput || s.firstRun || s.grouped,
		Passed:  s.testEnd,
		Outputs: s.failOutput || s.grouped,
	}
}

// pkg returns what testjson knows of a package, brought up to date. Its total
// is ours: testjson does not see the tests.
func (s *shown) pkg(p *result.Package) *shownPackage {
	known := s.packages[p]
	if known == nil {
		known = &shownPackage{name: cutName(p.Path, p.Index), round: p.Round, exec: &s.exec}
		if !s.everything {
			known.exec = new(execution) // testjson looks at all packages for each event
		}
		known.feed(fedEvent{Action: "start"})
		known.Package = known.exec.Package(known.name)
		s.packages[p] = known
	}
	known.Total = p.Tests
	return known
}

// feed adds events of the package.
func (p *shownPackage) feed(events ...fedEvent) {
	for i := range events {
		events[i].Package = p.name
	}
	p.exec.feed(events...)
}

// cutName shortens a name for testjson, which takes no line beyond 64 kB, and
// keeps it unique.
func cutName(name string, id int) string {
	const limit = 4 << 10
	if len(name) <= limit {
		return name
	}
	return fmt.Sprintf("%s…%d", strings.ToValidUTF8(name[:limit], ""), id)
}

// feedFacts feeds what a package printed of itself and formats show.
func (s *shown) feedFacts(p *result.Package, known *shownPackage) {
	const limit = 4 << 10
	feed := func(line string) {
		if len(line) <= limit {
			known.feed(fedEvent{Action: "output", Output: line})
		}
	}
	if p.Coverage != known.coverage {
		known.coverage = p.Coverage
		feed(p.Coverage)
	}
	if p.ShuffleLine != known.shuffle {
		known.shuffle = p.ShuffleLine
		feed(p.ShuffleLine)
	}
	if p.Cached && !known.cached {
		known.cached = true
		feed("\t(cached)")
	}
	if p.TimedOut != "" && !known.timedOut {
		known.timedOut = true
		known.feed(fedEvent{Action: "output", Test: "x", Output: "panic: test timed out\n"}, fedEvent{Action: "pass", Test: "x"})
		known.Total = p.Tests
	}
}

func (s *shown) Event(ev *event.Event, p *result.Package) {
	switch {
	case s.everything:
		s.any(ev, p)
	case p == nil:
	case s.firstRun:
		if ev.Kind == event.Run && p.Tests == 1 {
			s.show(s.pkg(p), ev)
		}
	case s.packageOutput:
		if ev.Kind == event.Output && len(ev.Test) == 0 {
			s.show(s.pkg(p), ev)
		}
	case s.grouped:
		if (ev.Kind == event.Output || ev.Kind == event.Bench) && p.TimedOut != "" && p.TimedOut == string(ev.Test) {
			s.Spool.Add(&s.pkg(p).dump, ev.Output)
		}
	}
}

// any shows an event to the formats that want everything.
func (s *shown) any(ev *event.Event, p *result.Package) {
	known := &shownPackage{exec: &s.exec}
	switch {
	case p != nil && ev.Kind.Terminal() && len(ev.Test) == 0 && p.End() == result.Interrupted:
		return
	case p != nil:
		known = s.pkg(p)
		s.feedFacts(p, known)
	case ev.Kind != event.BuildOutput && ev.Kind != event.BuildFail:
		return
	}
	s.exec.addTime(known.name, ev.Time)
	if ev.Kind == event.Output || ev.Kind == event.Bench {
		s.show(known, ev) // without a count or a time
		return
	}
	s.exec.addErrors(s.Errors.Count())
	s.exec.during(known.name, func() { s.show(known, ev) })
}

// show hands an event to the formatter.
func (s *shown) show(known *shownPackage, ev *event.Event) {
	te := testjson.TestEvent{
		Time: ev.Time.Time(), Action: testjson.Action(ev.Kind.String()), Package: known.name, Test: string(ev.Test),
		Elapsed: ev.Elapsed, Output: ev.Output.String(), RunID: known.round,
	}
	if ev.Kind == event.Other {
		te.Action = testjson.Action(ev.Action.String())
	}
	s.formatter.Format(te, known.exec.Execution) // writes to memory: no error
}

// action is the Action of an end event.
func action(end result.End) testjson.Action {
	switch end {
	case result.Passed:
		return testjson.ActionPass
	case result.Skipped, result.Quarantined:
		return testjson.ActionSkip
	}
	return testjson.ActionFail
}

// TestEnded shows the end of a test. Those that have no end are shown at the
// end of the stream, or passed.
func (s *shown) TestEnded(t *result.Test) {
	if t.NoEnd {
		return
	}
	if s.everything {
		s.feedEnd(t)
		return
	}
	s.showEnd(t, t.Seconds)
}

// feedEnd makes the end of a test known that has not passed. Only the number of
// such tests is shown.
func (s *shown) feedEnd(t *result.Test) {
	s.pkg(t.Package).feed(fedEvent{Action: string(action(t.End())), Test: "x"})
}

// showEnd hands a test's end to the formatter, in grouped formats with a
// stand-in for its output.
func (s *shown) showEnd(t *result.Test, elapsed float64) {
	te := testjson.TestEvent{Action: action(t.End()), Test: t.Name, Elapsed: elapsed, RunID: t.Package.Round}
	if s.failOutput && te.Action == testjson.ActionFail {
		for line := range t.Own() {
			s.Out.Write(line)
		}
	}
	if !s.testEnd {
		return
	}
	known := s.pkg(t.Package)
	te.Package = known.name
	if te.Action == testjson.ActionFail {
		// The formatter writes the output of the test that it finds, which has
		// none in the Execution: an unknown one would stand for the package.
		known.Failed = []testjson.TestCase{{ID: 1, Test: testjson.TestName(t.Name)}}
	}
	if s.grouped && s.substance(t, known) {
		output := te
		output.Action, output.Output = testjson.ActionOutput, s.token
		s.formatter.Format(output, known.exec.Execution)
	}
	s.formatter.Format(te, known.exec.Execution)
	s.flushGroup(t)
}

// substance says whether a test printed more than what frames it.
func (s *shown) substance(t *result.Test, known *shownPackage) bool {
	if t.Name == t.Package.TimedOut && !known.dump.Empty() {
		return true
	}
	for line := range t.Own() {
		if !t.Late && !result.Framing(line, t.Name) && !result.LooksPanicked(line) {
			return true
		}
	}
	return false
}

// dump returns what a test printed once it had timed out.
func (s *shown) dump(t *result.Test) iter.Seq[[]byte] {
	known := &shownPackage{}
	if t.Name == t.Package.TimedOut {
		known = s.pkg(t.Package)
	}
	return s.Spool.All(&known.dump)
}

// flushGroup writes what the grouped format wrote, with the output of t where
// it stands.
func (s *shown) flushGroup(t *result.Test) {
	if !s.grouped {
		return
	}
	before, after, found := bytes.Cut(s.group.Bytes(), []byte(s.token))
	title, isGroup := bytes.CutPrefix(before, []byte("::group::"))
	if isGroup && s.Out.Guarded() {
		title = bytes.TrimSuffix(title, []byte{'\n'})
		s.Out.Command("::group::" + escapeTitle.Replace(string(title)) + "\n")
	} else {
		s.Out.Write(before)
	}
	if found && t != nil {
		for _, output := range []iter.Seq[[]byte]{t.Own(), s.dump(t)} {
			for line := range output {
				if !result.Framing(line, t.Name) {
					s.Out.Write(line)
				}
			}
		}
	}
	rest, isGroup := bytes.CutSuffix(after, []byte("::endgroup::\n"))
	if isGroup && s.Out.Guarded() {
		s.Out.Write(rest)
		s.Out.Command("::endgroup::\n")
	} else {
		s.Out.Write(after)
	}
	s.group.Reset()
}

// escapeTitle keeps the title of a group in one line, for a runner that takes
// the title back to what it was.
var escapeTitle = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")

func (s *shown) PackageEnded(p *result.Package) {
	end := p.End()
	if end == "" || end == result.Interrupted || !s.packageEnd && !s.everything {
		return
	}
	known := s.pkg(p)
	s.feedFacts(p, known)
	known.feed(fedEvent{Action: string(action(end)), Elapsed: p.Seconds})
	if s.packageEnd {
		te := testjson.TestEvent{Action: action(end), Package: known.name, Elapsed: p.Seconds}
		s.formatter.Format(te, known.exec.Execution)
		s.flushGroup(nil)
	}
}

func (s *shown) Close(r *result.Results) error {
	s.NextRound(r)
	return nil
}

// NextRound shows the tests that were cut off, as testjson ends them.
func (s *shown) NextRound(r *result.Results) {
	const unknown = -1
	if s.everything {
		for _, t := range r.Cut() {
			s.feedEnd(t)
		}
		s.exec.addErrors(s.Errors.Count())
	}
	for _, t := range r.Cut() {
		if s.everything {
			s.show(s.pkg(t.Package), &event.Event{Kind: event.Fail, Test: []byte(t.Name), Elapsed: unknown})
		} else {
			s.showEnd(t, unknown)
		}
	}
}

// jsonLines shows the lines themselves.
type jsonLines struct {
	sink.None
	Options
}

func newJSON(o Options) sink.Sink { return &jsonLines{Options: o} }

func (j *jsonLines) Needs() sink.Needs { return sink.Needs{Events: true} }

func (j *jsonLines) Event(ev *event.Event, _ *result.Package) { ev.WriteLine(j.Out) }

// NextRound ends each test that was cut off with an empty line, as testjson does.
func (j *jsonLines) NextRound(r *result.Results) {
	if !j.Pure {
		j.Out.Write(bytes.Repeat([]byte{'\n'}, len(r.Cut())))
	}
}

func (j *jsonLines) Close(r *result.Results) error {
	j.NextRound(r)
	return nil
}

// quiet shows what go test shows.
type quiet struct {
	sink.None
	out     *sink.Screen
	scratch []byte
}

func newQuiet(o Options) sink.Sink { return &quiet{out: o.Out} }

func (q *quiet) Needs() sink.Needs { return sink.Needs{Events: true} }

func (q *quiet) Event(ev *event.Event, _ *result.Package) {
	if len(ev.Test) != 0 || len(ev.Output.Raw) == 0 || len(ev.NoEnd.Raw) > 0 {
		return
	}
	line := ev.Output.Bytes(&q.scratch)
	switch {
	case string(line) == "PASS\n":
	case bytes.Contains(line, append(bytes.Clone(ev.Package), "\tcoverage:"...)):
	case bytes.HasPrefix(line, []byte("coverage:")) && bytes.HasSuffix(line, []byte("% of statements\n")):
	case string(line) == "testing: warning: no tests to run\n":
	default:
		q.out.Write(line)
	}
}
