package jsonstream

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"gotest.tools/gotestsum/testjson"
	"pgtest/jsonstream/junit"
)

// A pkg is what is known about a package.
type pkg struct {
	path  string
	name  string            // for the renderer, which takes no line beyond 64 kB
	shown *testjson.Package // the renderer's
	state pkgState

	tests   map[string]*test // the latest of each name; nil if it passed and is forgotten
	running testList         // tests without an end, in the order of their start
	late    map[string]*test // outputs after the end of a test that is forgotten
	byID    map[int]*test    // failed and skipped ones, as the renderer counts

	started, ended stamp
	out            buffer // printed outside tests
	total, passed  int
	failed         []*test
	skipped        []*test
	interrupted    []*test
	timedOut       string // the test that ran into -timeout (golang.org/issue/57305)
	dump           buffer // what it printed from then on, for formats that group
	verdict        bool   // testing itself said FAIL: all tests came to their end
	noEnd          bool   // the stream ended before the package
	elapsed        time.Duration
	cached         bool
	coverage       string
	failedBuild    string
	panicked       bool

	cases      buffer // JUnit testcases of passed tests
	properties []junit.Property
}

// pkgState: start or any other event → running; an end event → one of the
// others. A start event after the end → running again.
type pkgState uint8

const (
	pkgRunning pkgState = iota
	pkgPassed
	pkgFailed
	pkgSkipped
	pkgInterrupted
)

// A test is one run of a test, subtest, benchmark, example or fuzz test.
type test struct {
	id         int // as the renderer counts: 1 is the package's first
	name       string
	pkg        *pkg
	root       *test // nil for a root, and for a subtest without one
	state      testState
	started    stamp
	elapsed    time.Duration
	seconds    float64 // elapsed as the end event had it
	out        buffer
	subs       []*test // of a root: all below it
	attrs      []junit.Property
	subFailed  bool // a root with a failed subtest
	fed        bool // the renderer knows that it runs
	noEnd      bool
	panicked   bool
	substance  bool  // has output beyond framing lines
	prev, next *test // in pkg.running
}

// testState: a new test → running; pause → paused; cont → running; an end event
// → passed, failed or skipped. What never ends is decided when its package ends
// or the stream does: passed, failed or interrupted.
type testState uint8

const (
	testRunning testState = iota
	testPaused
	testPassed
	testFailed
	testSkipped
	testInterrupted
)

func (t *test) subtest() bool { return strings.Contains(t.name, "/") }

// testList is a list of tests, linked through them.
type testList struct{ first, last *test }

func (l *testList) push(t *test) {
	t.prev, t.next = l.last, nil
	if l.last == nil {
		l.first = t
	} else {
		l.last.next = t
	}
	l.last = t
}

func (l *testList) remove(t *test) {
	if t.prev == nil {
		l.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		l.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
}

// assembler keeps what each running test printed and decides when it ends. It
// belongs to the goroutine that reads; mu guards what Running looks at.
type assembler struct {
	spool *spool
	exec  *execution
	view  *renderer
	junit bool
	hold  bool // outputs are wanted after the test's end

	mu    sync.Mutex
	began map[[2]string]stamp // by package and test: see Stream.Began
	pkgs  map[string]*pkg
	order []*pkg // as they appeared

	lastPkg     *pkg // the latest lookups: most lines are about the same test
	lastTest    *test
	first, last stamp // earliest and latest event
	builds      map[string]*buffer
	interrupt   func() *interruption
	build       io.Writer // shows build output as it comes, or nil
	errors      *errorLog
	scratch     []byte
	free        []*test
}

// handle takes an event. Every event but those of a build belongs to a package.
func (a *assembler) handle(ev *event) {
	if ev.time.ok {
		if !a.first.ok || ev.time.before(a.first) {
			a.first = ev.time
		}
		if !a.last.ok || a.last.before(ev.time) {
			a.last = ev.time
		}
	}
	switch {
	case ev.kind == kindBuildOutput:
		a.buildOutput(ev)
	case ev.kind == kindBuildFail:
		a.view.event(ev, nil)
	case len(ev.test) == 0:
		a.packageEvent(a.pkg(ev), ev)
	default:
		a.testEvent(a.pkg(ev), ev)
	}
}

// buildOutput keeps what a compiler said, for the summary and for the packages
// that fail because of it.
func (a *assembler) buildOutput(ev *event) {
	if a.hold {
		path := string(ev.importPath.bytes(&a.scratch))
		b := a.builds[path]
		if b == nil {
			b = new(buffer)
			a.builds[path] = b
		}
		a.spool.add(b, ev.output)
	}
	line := ev.output.bytes(&a.scratch)
	if a.build != nil {
		a.build.Write(line)
	} else if a.errors.add(line) {
		a.exec.addError(line)
	}
	a.view.event(ev, nil)
}

// pkg returns the package of an event.
func (a *assembler) pkg(ev *event) *pkg {
	if p := a.lastPkg; p != nil && p.path == string(ev.pkg) {
		a.seePkg(p, ev)
		return p
	}
	p := a.pkgs[string(ev.pkg)]
	if p == nil {
		p = &pkg{path: string(ev.pkg), name: cutName(string(ev.pkg), len(a.order)), started: ev.arrival()}
		a.mu.Lock()
		a.pkgs[p.path] = p
		a.order = append(a.order, p)
		a.mu.Unlock()
		p.shown = a.view.newPackage(p)
	}
	a.lastPkg, a.lastTest = p, nil
	a.seePkg(p, ev)
	return p
}

// seePkg notes the package's earliest time.
func (a *assembler) seePkg(p *pkg, ev *event) {
	if ev.time.ok && (!p.started.ok || ev.time.before(p.started)) {
		a.mu.Lock()
		p.started = ev.time
		a.mu.Unlock()
	}
}

func (a *assembler) packageEvent(p *pkg, ev *event) {
	switch ev.kind {
	case kindStart:
		if p.state != pkgRunning {
			a.mu.Lock()
			p.state = pkgRunning
			a.mu.Unlock()
		}
	case kindOutput:
		a.packageOutput(p, ev)
		return
	case kindPass, kindFail, kindSkip:
		a.endPackage(p, ev)
		return
	}
	a.view.event(ev, p)
}

func (a *assembler) packageOutput(p *pkg, ev *event) {
	out := ev.output.bytes(&a.scratch)
	if c, ok := coverage(out); ok {
		p.coverage = c
		a.view.packageFact(p, out)
	} else if bytes.Contains(out, []byte("\t(cached)")) {
		p.cached = true
		a.view.packageFact(p, out)
	} else if bytes.HasPrefix(out, []byte("-test.shuffle ")) {
		a.view.packageFact(p, out)
	}
	switch {
	case string(out) == "FAIL\n":
		p.verdict = true
	case looksPanicked(out):
		p.panicked = true
	}
	if a.hold {
		a.spool.add(&p.out, ev.output)
	}
	a.view.packageOutput(ev, p)
}

func looksPanicked(out []byte) bool {
	return bytes.HasPrefix(out, []byte("panic: ")) || bytes.HasPrefix(out, []byte("fatal error: "))
}

// coverage returns go's sentence on coverage.
func coverage(out []byte) (string, bool) {
	i := bytes.Index(out, []byte("coverage:"))
	if i < 0 || !bytes.Contains(out[i:], []byte("% of statements")) {
		return "", false
	}
	return strings.TrimRight(string(out[i:]), "\n"), true
}

// endPackage decides what the package's open tests are. In a package that
// passed they passed: go writes no end for most benchmarks. In one that failed
// they were cut off, which the renderer is told when the stream ends, as it
// wants it.
func (a *assembler) endPackage(p *pkg, ev *event) {
	p.ended = ev.time
	p.elapsed = seconds(ev.elapsed)
	p.failedBuild = string(ev.failedBuild.bytes(&a.scratch))
	state := pkgPassed
	switch ev.kind {
	case kindSkip:
		state = pkgSkipped
	case kindFail:
		state = pkgFailed
	}
	interrupted := a.interrupt() != nil
	if interrupted && state == pkgFailed && len(p.failed) == 0 {
		state = pkgInterrupted
	}
	a.mu.Lock()
	p.state = state
	a.mu.Unlock()
	a.settlePassed(p)
	if interrupted {
		a.settleInterrupted(p)
	}
	if state == pkgInterrupted {
		return
	}
	a.view.packageEnd(ev, p)
	if state != pkgFailed {
		a.spool.release(&p.out)
	}
	if p.running.first == nil && len(p.late) == 0 {
		p.tests = nil
	}
	a.lastTest = nil
}

func seconds(s float64) time.Duration {
	return time.Duration(s*1000) * time.Millisecond
}

// settlePassed ends the open tests that must have passed: all of a package that
// did not fail, and benchmarks if testing came to its verdict. Subtests come
// before their roots, which drop them.
func (a *assembler) settlePassed(p *pkg) {
	for t := p.running.last; t != nil; {
		before := t.prev
		if p.state == pkgPassed || p.state == pkgSkipped || p.verdict && strings.HasPrefix(t.name, "Benchmark") {
			a.settle(t, testPassed)
			a.pass(t)
		}
		t = before
	}
}

// settleInterrupted ends the open tests of a package that was interrupted.
func (a *assembler) settleInterrupted(p *pkg) {
	at := a.interruptedAt(p)
	for t := p.running.first; t != nil; t = p.running.first {
		a.settle(t, testInterrupted)
		t.elapsed = at.time().Sub(t.started.time())
		p.interrupted = append(p.interrupted, t)
	}
}

// noteBegan notes when a test began, whatever its events say.
func (a *assembler) noteBegan(pkg, test string, at stamp) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.began == nil {
		a.began = make(map[[2]string]stamp)
	}
	a.began[[2]string{pkg, test}] = at
}

// heedBegan adds to the time of interrupted tests what their events do not tell.
func (a *assembler) heedBegan(p *pkg) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range p.interrupted {
		if at := a.began[[2]string{p.path, t.name}]; at.ok && at.before(t.started) {
			t.elapsed += t.started.time().Sub(at.time())
			t.started = at
		}
	}
}

// settle gives an open test its state.
func (a *assembler) settle(t *test, state testState) {
	t.noEnd = true
	a.unlink(t, state)
	if t.fed {
		a.view.endTest(t, "pass") // takes it from the renderer's running tests
	}
}

// interruptedAt is when an interrupted test ended: with its package, or else
// when the last event came or the interruption, whichever was later.
func (a *assembler) interruptedAt(p *pkg) stamp {
	if p.ended.ok {
		return p.ended
	}
	at := stampOf(a.interrupt().at)
	if at.before(a.last) {
		return a.last
	}
	return at
}

// unlink takes a test from the running ones.
func (a *assembler) unlink(t *test, state testState) {
	a.mu.Lock()
	t.pkg.running.remove(t)
	t.state = state
	a.mu.Unlock()
}

func (a *assembler) testEvent(p *pkg, ev *event) {
	t := a.lastTest
	if t == nil || t.pkg != p || t.name != string(ev.test) {
		var known bool
		t, known = p.tests[string(ev.test)]
		over := known || p.state != pkgRunning
		if t == nil && over && !ev.kind.terminal() && ev.kind != kindRun {
			a.lateEvent(p, ev)
			return
		}
		a.lastTest = t
	}
	ended := t == nil || t.state > testPaused
	switch ev.kind {
	case kindRun:
		if !ended {
			a.forget(t) // overtaken by another of its name
		}
		a.newTest(p, ev)
		a.view.event(ev, p)
		return
	case kindPass, kindFail, kindSkip:
		if ended {
			t = a.newTest(p, ev)
		}
		a.endTest(t, ev)
		return
	case kindOther, kindArtifacts:
		a.view.event(ev, p)
		return
	}
	if t == nil {
		t = a.newTest(p, ev)
	}
	switch ev.kind {
	case kindOutput, kindBench:
		a.testOutput(t, ev)
	case kindAttr:
		t.attrs = append(t.attrs, junit.Property{Name: string(ev.key.appendTo(nil)), Value: string(ev.value.appendTo(nil))})
	case kindPause, kindCont:
		if !ended {
			a.mu.Lock()
			t.state = testRunning
			if ev.kind == kindPause {
				t.state = testPaused
			}
			a.mu.Unlock()
		}
	}
	a.view.event(ev, p)
}

// newTest makes a test of an event's name: by its run event, or by the first
// event if it has none.
func (a *assembler) newTest(p *pkg, ev *event) *test {
	var t *test
	if n := len(a.free); n > 0 {
		t, a.free = a.free[n-1], a.free[:n-1]
	} else {
		t = new(test)
	}
	p.total++
	p.shown.Total = p.total
	*t = test{id: p.total, name: string(ev.test), pkg: p, started: ev.arrival(), subs: t.subs[:0], attrs: t.attrs[:0]}
	if i := strings.IndexByte(t.name, '/'); i >= 0 {
		if root := p.tests[t.name[:i]]; root != nil && root.state <= testPaused {
			t.root = root
			root.subs = append(root.subs, t)
		}
	}
	a.mu.Lock()
	if p.tests == nil {
		p.tests = make(map[string]*test)
	}
	p.tests[t.name] = t
	p.running.push(t)
	if p.state != pkgRunning {
		p.state = pkgRunning
	}
	a.mu.Unlock()
	a.lastTest = t
	if t.id == 1 && ev.kind == kindRun {
		a.view.firstRun(ev, t)
	}
	return t
}

func (a *assembler) testOutput(t *test, ev *event) {
	p := t.pkg
	if p.timedOut == "" || p.timedOut != t.name {
		out := a.keep(&t.out, ev)
		switch {
		case bytes.HasPrefix(out, []byte("panic: test timed out")):
			p.timedOut = t.name
			t.panicked, p.panicked = true, true
			a.view.timedOut(t)
			a.moveLast(t, ev)
			a.keepDump(t, ev)
		case looksPanicked(out):
			t.panicked, p.panicked = true, true
		case !t.substance && !framing(out, t.name):
			t.substance = true
		}
		return
	}
	a.keep(&p.out, ev)
	a.keepDump(t, ev)
}

// keepDump keeps what a test prints once it has timed out. The renderer takes
// that for output of the package, but formats that group show it in the test.
func (a *assembler) keepDump(t *test, ev *event) {
	if a.view.grouped {
		a.keep(&t.pkg.dump, ev)
		t.substance = true
	}
}

// keep adds an output to a buffer, if outputs are wanted, and returns it.
func (a *assembler) keep(b *buffer, ev *event) []byte {
	if !a.hold {
		return ev.output.raw
	}
	return a.spool.add(b, ev.output)
}

// moveLast moves the last output of a test to its package.
func (a *assembler) moveLast(t *test, ev *event) {
	if !a.hold {
		return
	}
	n := 4 + len(ev.output.bytes(&a.scratch))
	t.out.mem = t.out.mem[:len(t.out.mem)-n]
	a.spool.add(&t.pkg.out, ev.output)
}

// lateEvent takes an event that comes after the end of a test that passed and
// is forgotten. Its output is kept: it may say why the package fails.
func (a *assembler) lateEvent(p *pkg, ev *event) {
	if ev.kind != kindOutput && ev.kind != kindBench {
		return
	}
	t := p.late[string(ev.test)]
	if t == nil {
		t = &test{name: string(ev.test), pkg: p, started: ev.time}
		if p.late == nil {
			p.late = make(map[string]*test)
		}
		p.late[t.name] = t
	}
	if out := a.keep(&t.out, ev); looksPanicked(out) {
		t.panicked, p.panicked = true, true
	}
	a.view.event(ev, p)
}

func (a *assembler) endTest(t *test, ev *event) {
	p := t.pkg
	t.seconds = ev.elapsed
	t.elapsed = seconds(ev.elapsed)
	switch ev.kind {
	case kindPass:
		a.unlink(t, testPassed)
		a.view.testEnd(ev, t)
		a.pass(t)
	case kindFail:
		a.unlink(t, testFailed)
		p.keep(t, &p.failed)
		if t.root != nil && t.root.state <= testPaused {
			t.root.subFailed = true
		}
		a.view.testEnd(ev, t)
	case kindSkip:
		a.unlink(t, testSkipped)
		p.keep(t, &p.skipped)
		a.view.testEnd(ev, t)
	}
	if t.state != testPassed {
		a.trim(t)
	}
}

// keep puts a test into one of the package's lists.
func (p *pkg) keep(t *test, list *[]*test) {
	*list = append(*list, t)
	if p.byID == nil {
		p.byID = make(map[int]*test)
	}
	p.byID[t.id] = t
}

// pass drops what a passed test printed. A subtest's output waits for its root:
// go may have attributed the root's output to it (golang.org/issue/29755).
func (a *assembler) pass(t *test) {
	p := t.pkg
	p.passed++
	if a.junit {
		a.view.addCase(t)
	}
	if t.subtest() && t.root != nil && t.root.state <= testPaused {
		return
	}
	for _, sub := range t.subs {
		switch sub.state {
		case testPassed:
			a.forget(sub)
		case testFailed:
			// Not dropped: the root says pass, the subtest's failure stands.
		case testRunning, testPaused:
			a.forget(sub) // no end before its root's: golang.org/issue/40771
		}
	}
	a.forget(t)
}

// trim drops the outputs that a test that did not pass will not show: those of
// passed subtests, if a failed one explains it.
func (a *assembler) trim(t *test) {
	if !t.subFailed {
		return
	}
	for _, sub := range t.subs {
		if sub.state == testPassed {
			a.spool.release(&sub.out)
		}
	}
}

// forget drops a test. Its name stays known until its package ends.
func (a *assembler) forget(t *test) {
	a.spool.release(&t.out)
	p := t.pkg
	if t.state <= testPaused {
		a.unlink(t, testPassed)
		if t.fed {
			a.view.endTest(t, "pass")
		}
	}
	if p.tests[t.name] == t {
		p.tests[t.name] = nil
	}
	if a.lastTest == t {
		a.lastTest = nil
	}
	if t.root == nil {
		for _, sub := range t.subs {
			sub.root = nil
			if sub.state == testPassed {
				a.reuse(sub)
			}
		}
		a.reuse(t)
	}
}

// reuse keeps the record of a test that nothing refers to for another one.
func (a *assembler) reuse(t *test) {
	const limit = 1000
	if len(a.free) < limit {
		a.free = append(a.free, t)
	}
}

// outputs calls fn with everything that the summary shows of a test: its own
// output, and that of its subtests unless a failed one of them shows it.
func (a *assembler) outputs(t *test, fn func([]byte)) error {
	if err := a.spool.each(&t.out, fn); err != nil || t.subtest() || t.subFailed {
		return err
	}
	for _, sub := range t.subs {
		if err := a.spool.each(&sub.out, fn); err != nil {
			return err
		}
	}
	return nil
}

// finish gives everything an end. It returns the tests that the renderer is to
// see as failed without an end, in order.
func (a *assembler) finish() []*test {
	var cut []*test
	interrupted := a.interrupt() != nil
	for _, p := range a.order {
		if p.state == pkgRunning {
			a.cutPackage(p, interrupted)
		}
		a.heedBegan(p)
		for t := p.running.first; t != nil; {
			next := t.next
			t.noEnd = true
			a.unlink(t, testFailed)
			p.keep(t, &p.failed)
			cut = append(cut, t)
			t = next
		}
		cut = append(cut, a.blameLate(p)...)
	}
	slices.SortStableFunc(cut, func(x, y *test) int {
		if x.pkg != y.pkg {
			return 0
		}
		return x.id - y.id
	})
	return cut
}

// cutPackage ends a package that has no end event.
func (a *assembler) cutPackage(p *pkg, interrupted bool) {
	p.noEnd = true
	state := pkgFailed
	if interrupted {
		state = pkgInterrupted
	}
	a.mu.Lock()
	p.state = state
	a.mu.Unlock()
	if interrupted {
		a.settleInterrupted(p)
	}
}

// blameLate makes failed tests of those that had passed before they printed
// why the package failed: the goroutine of a test that is over panics.
func (a *assembler) blameLate(p *pkg) []*test {
	if p.state != pkgFailed {
		return nil
	}
	var names []string
	for name, t := range p.late {
		if t.panicked || len(p.failed) == 0 && !p.noEnd {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var blamed []*test
	for _, name := range names {
		t := p.late[name]
		p.total++
		p.shown.Total = p.total
		t.id, t.noEnd, t.state = p.total, true, testFailed
		p.keep(t, &p.failed)
		blamed = append(blamed, t)
	}
	return blamed
}

// cutName shortens a name for the renderer, and keeps it unique. Two names of
// control characters, each six bytes in JSON, fit into one of its lines.
func cutName(name string, id int) string {
	const limit = 4 << 10
	if len(name) <= limit {
		return name
	}
	return fmt.Sprintf("%s…%d", strings.ToValidUTF8(name[:limit], ""), id)
}
