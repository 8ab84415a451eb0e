package jsonstream

import (
	"bytes"
	"crypto/rand"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
	"gotest.tools/gotestsum/testjson"
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
	raw           bool // shows lines as they are
	straight      func(*screen, *event)
	inTurn        bool // shows one package after another, as go test does
}

var formats = map[string]format{
	"dots":                   {firstRun: true, testEnd: true, quiet: true},
	"dots-v2":                {everything: true, quiet: true},
	"pkgname":                {packageEnd: true},
	"pkgname-and-test-fails": {packageEnd: true, failOutput: true},
	"testname":               {packageEnd: true, packageOutput: true, testEnd: true, failOutput: true},
	"testdox":                {packageEnd: true, testEnd: true},
	"github-actions":         {packageEnd: true, testEnd: true, grouped: true},
	"standard-quiet":         {straight: writeQuiet},
	"standard-verbose":       {inTurn: true},
	"standard-json":          {straight: writeJSON, raw: true},
	"none":                   {},
	"debug":                  {everything: true},
}

// renderer shows events in a format. It feeds the execution with what the
// formatter and the summary ask it for.
type renderer struct {
	format
	name      string
	opts      testjson.FormatOptions
	out       *screen
	exec      *execution
	spool     *spool
	formatter testjson.EventFormatter
	group     bytes.Buffer // if grouped
	token     string       // stands for a test's output in group
	junit     *junitSink
	verbose   *verbose // if inTurn
}

func newRenderer(name string, opts Options, out *screen, exec *execution, sp *spool) *renderer {
	if now, ok := oldFormats[name]; ok {
		name = now
	}
	if name == "testname" && os.Getenv("GITHUB_ACTIONS") == "true" {
		name = "github-actions" // testjson does the same
	}
	if name == "dots-v2" && !stdoutIsTerminal() {
		name = "dots" // testjson too, with a warning
	}
	r := &renderer{
		format: formats[name],
		name:   name,
		opts:   testjson.FormatOptions{HideEmptyPackages: opts.HideEmptyPackages, Icons: opts.Icons},
		out:    out,
		exec:   exec,
		spool:  sp,
	}
	switch {
	case r.straight != nil:
	case r.inTurn:
		r.verbose = newVerbose(out, sp, opts.Terse)
		r.straight = func(_ *screen, ev *event) { r.verbose.event(ev) }
	case name == "testdox":
		r.formatter = newTestdox(out, r.opts)
	case r.grouped:
		r.token = rand.Text()
		r.formatter = testjson.NewEventFormatter(&r.group, name, r.opts)
	default:
		r.formatter = testjson.NewEventFormatter(out, name, r.opts)
	}
	return r
}

// stdoutIsTerminal asks what testjson asks: dots-v2 needs a width.
func stdoutIsTerminal() bool {
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	return err == nil && width > 0
}

// newPackage makes a package known to the execution.
func (r *renderer) newPackage(p *pkg) *testjson.Package {
	r.exec.feed(fedEvent{Action: "start", Package: p.name})
	return r.exec.exec.Package(p.name)
}

// event shows an event to the formats that want everything.
func (r *renderer) event(ev *event, p *pkg) {
	if !r.everything {
		return
	}
	if p == nil {
		p = &pkg{}
		r.exec.feed(fedEvent{Action: "start"})
	}
	r.exec.addTimes(p.name, ev.time, ev.time)
	r.show(p, ev, string(ev.test))
}

// show hands an event to the formatter.
func (r *renderer) show(p *pkg, ev *event, test string) {
	te := testjson.TestEvent{
		Time:    ev.time.time(),
		Action:  action(ev),
		Package: p.name,
		Test:    test,
		Elapsed: ev.elapsed,
	}
	if r.everything || r.format.packageOutput && ev.kind == kindOutput {
		te.Output = string(ev.output.appendTo(nil))
	}
	r.formatter.Format(te, r.exec.exec) // writes to memory: no error
}

func action(ev *event) testjson.Action {
	if ev.kind == kindOther {
		return testjson.Action(ev.action.appendTo(nil))
	}
	return testjson.Action(kindNames[ev.kind])
}

// packageFact feeds a line of which the renderer knows more than that it is
// output: coverage, (cached), the shuffle seed.
func (r *renderer) packageFact(p *pkg, out []byte) {
	const limit = 4 << 10
	if len(out) <= limit {
		r.exec.feed(fedEvent{Action: "output", Package: p.name, Output: string(out)})
	}
}

func (r *renderer) packageOutput(ev *event, p *pkg) {
	if r.format.packageOutput {
		r.show(p, ev, "")
	}
	r.event(ev, p)
}

func (r *renderer) packageEnd(ev *event, p *pkg) {
	r.exec.feed(fedEvent{Action: string(action(ev)), Package: p.name, Elapsed: ev.elapsed})
	switch {
	case r.everything:
		r.event(ev, p)
	case r.format.packageEnd:
		r.show(p, ev, "")
		r.flushGroup(nil)
	}
}

// firstRun shows the run event of a package's first test.
func (r *renderer) firstRun(ev *event, t *test) {
	if r.format.firstRun {
		r.show(t.pkg, ev, t.name)
	}
}

// testEnd shows the end of a test. A pass stays out of the execution.
func (r *renderer) testEnd(ev *event, t *test) {
	if ev.kind != kindPass || t.fed {
		r.endTest(t, kindNames[ev.kind])
	}
	if r.everything {
		r.event(ev, t.pkg)
		return
	}
	if r.failOutput && ev.kind == kindFail {
		r.spool.each(&t.out, r.out.write)
	}
	if r.format.testEnd {
		r.showEnd(ev, t)
	}
}

// showEnd hands a test's end to the formatter, in grouped formats with a
// stand-in for its output.
func (r *renderer) showEnd(ev *event, t *test) {
	if r.grouped && t.substance {
		te := testjson.TestEvent{Action: testjson.ActionOutput, Package: t.pkg.name, Test: t.name, Output: r.token}
		r.formatter.Format(te, r.exec.exec)
	}
	r.show(t.pkg, ev, t.name)
	r.flushGroup(t)
}

// flushGroup writes what the grouped format wrote, with the output of t where
// it stands.
func (r *renderer) flushGroup(t *test) {
	if !r.grouped {
		return
	}
	before, after, found := bytes.Cut(r.group.Bytes(), []byte(r.token))
	r.out.Write(before)
	if found && t != nil {
		show := func(out []byte) {
			if !framing(out, t.name) {
				r.out.write(out)
			}
		}
		r.spool.each(&t.out, show)
		if t.pkg.timedOut == t.name {
			r.spool.each(&t.pkg.dump, show)
		}
	}
	r.out.Write(after)
	r.group.Reset()
}

// endTest tells the execution how a test ended. Its ids are made the same as
// ours: it takes the package's total as the id of a new test.
func (r *renderer) endTest(t *test, action string) {
	p := t.pkg
	if t.subtest() && action == "fail" {
		// The renderer marks the root, and invents one that crashes it if
		// none is running.
		if t.root != nil && t.root.state <= testPaused {
			r.startTest(t.root)
		} else {
			root, _, _ := strings.Cut(t.name, "/")
			defer r.feedTest(&test{name: root, pkg: p, id: p.total + 1}, "pass")
		}
	}
	r.startTest(t)
	r.feedTest(t, action)
	t.fed = false
}

// startTest makes a test one of the execution's running ones.
func (r *renderer) startTest(t *test) {
	if !t.fed {
		r.feedTest(t, "run")
		t.fed = true
	}
}

func (r *renderer) feedTest(t *test, action string) {
	p := t.pkg
	p.shown.Total = t.id - 1
	r.exec.feed(fedEvent{Action: action, Package: p.name, Test: cutName(t.name, t.id), Elapsed: t.seconds})
	p.shown.Total = p.total
}

// timedOut tells the execution in which test the package ran out of time.
func (r *renderer) timedOut(t *test) {
	r.startTest(t)
	r.exec.feed(fedEvent{Action: "output", Package: t.pkg.name, Test: cutName(t.name, t.id), Output: "panic: test timed out\n"})
}

// cut ends the execution. The tests that are cut off get the end that testjson
// gives them, in our order: its own is that of a map.
func (r *renderer) cut(tests []*test) {
	if r.inTurn {
		r.verbose.finish()
	}
	before := make(map[*pkg]int)
	for _, t := range tests {
		before[t.pkg] = len(t.pkg.shown.Failed)
		r.startTest(t)
	}
	ends := make(map[[2]string]testjson.TestEvent)
	for _, ev := range r.exec.close() {
		ends[[2]string{ev.Package, ev.Test}] = ev
	}
	for p, n := range before {
		sortByID(p.shown.Failed[n:])
	}
	for _, t := range tests {
		r.showCut(t, ends[[2]string{t.pkg.name, cutName(t.name, t.id)}])
	}
}

// showCut shows the end of a test that was cut off.
func (r *renderer) showCut(t *test, end testjson.TestEvent) {
	ev := &event{kind: kindFail, elapsed: end.Elapsed}
	switch {
	case r.straight != nil:
		r.straight(r.out, ev)
	case r.everything:
		r.show(t.pkg, ev, t.name)
	default:
		if r.failOutput {
			r.spool.each(&t.out, r.out.write)
		}
		if r.format.testEnd {
			r.showEnd(ev, t)
		}
	}
}

func (r *renderer) addCase(t *test) { r.junit.pass(t) }

// framing is testjson's idea of a line that frames a test's output.
func framing(line []byte, test string) bool {
	return hasPrefix(line, "=== RUN   Test") || hasPrefix(line, "=== PAUSE Test") || hasPrefix(line, "=== CONT  Test") ||
		reportLine(line, "--- FAIL: ", test) || reportLine(line, "--- SKIP: ", test) || reportLine(line, "--- PASS: ", test)
}

func reportLine(line []byte, verdict, test string) bool {
	n := len(verdict) + len(test)
	return len(line) > n && hasPrefix(line, verdict) && string(line[len(verdict):n]) == test && line[n] == ' '
}

func hasPrefix(line []byte, prefix string) bool {
	return len(line) >= len(prefix) && string(line[:len(prefix)]) == prefix
}

// writeJSON shows the line itself. testjson ends a test that was cut off with an
// empty line.
func writeJSON(out *screen, ev *event) {
	out.write(ev.raw)
	out.write([]byte{'\n'})
}

// writeQuiet shows what go test shows.
func writeQuiet(out *screen, ev *event) {
	if len(ev.test) != 0 || len(ev.output.raw) == 0 {
		return
	}
	line := ev.output.bytes(&out.scratch)
	switch {
	case string(line) == "PASS\n":
	case bytes.Contains(line, append(bytes.Clone(ev.pkg), "\tcoverage:"...)):
	case hasPrefix(line, "coverage:") && bytes.HasSuffix(line, []byte("% of statements\n")):
	case string(line) == "testing: warning: no tests to run\n":
	default:
		out.write(line)
	}
}

// screen gathers what goes to Stdout into few writes of whole lines, and
// remembers the first error: after it everything is dropped.
type screen struct {
	w       io.Writer
	buf     []byte
	whole   int // how much of buf is whole lines
	err     error
	open    bool // what was written last is no whole line
	scratch []byte
}

const (
	screenSize = 64 << 10 // written when this much is there
	screenMax  = 1 << 20  // even if it ends no line
)

func (s *screen) Write(p []byte) (int, error) {
	s.write(p)
	return len(p), nil
}

func (s *screen) write(p []byte) {
	if s.err == nil {
		s.buf = append(s.buf, p...)
		s.added(len(p))
	}
}

func (s *screen) text(t text) {
	if s.err == nil {
		before := len(s.buf)
		s.buf = t.appendTo(s.buf)
		s.added(len(s.buf) - before)
	}
}

// added looks at the last n bytes, which are new, and writes the whole lines once
// they are many.
func (s *screen) added(n int) {
	before := len(s.buf) - n
	if i := bytes.LastIndexByte(s.buf[before:], '\n'); i >= 0 {
		s.whole = before + i + 1
	}
	switch {
	case len(s.buf) < screenSize:
	case s.whole > 0:
		s.writeOut(s.whole)
	case len(s.buf) >= screenMax:
		s.writeOut(len(s.buf))
	}
}

// flush writes everything.
func (s *screen) flush() {
	if len(s.buf) > 0 {
		s.writeOut(len(s.buf))
	}
}

func (s *screen) writeOut(n int) {
	if _, err := s.w.Write(s.buf[:n]); err != nil && s.err == nil {
		s.err = err
		s.buf = nil
		return
	}
	s.open = s.buf[n-1] != '\n'
	s.buf = s.buf[:copy(s.buf, s.buf[n:])]
	s.whole = 0
}

// newline ends an unfinished line, such as a row of dots.
func (s *screen) newline() {
	n := len(s.buf)
	if n == 0 && s.open || n > 0 && s.buf[n-1] != '\n' {
		s.write([]byte{'\n'})
	}
}
