package jsonstream

import (
	"bytes"
	"slices"
	"strings"
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
			p.state, p.ended, p.verdict = pkgRunning, stamp{}, false
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
	stop := a.interrupt()
	interrupted := stop != nil
	if interrupted && state == pkgFailed && len(p.failed) == 0 {
		state = pkgInterrupted
	}
	a.mu.Lock()
	p.state = state
	a.mu.Unlock()
	if a.file != nil {
		a.file.endTests(p)
		if state == pkgInterrupted {
			a.file.interruptPackage(p, stop.Reason)
		}
	}
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
		if p.passes(t) {
			a.settle(t, testPassed)
			a.pass(t)
		}
		t = before
	}
}

// passes says whether an open test of a package that has ended must have passed.
func (p *pkg) passes(t *test) bool {
	return p.state == pkgPassed || p.state == pkgSkipped || p.verdict && strings.HasPrefix(t.name, "Benchmark")
}

// settleInterrupted ends the open tests of a package that was interrupted.
func (a *assembler) settleInterrupted(p *pkg) {
	for t := p.running.first; t != nil; t = p.running.first {
		t.elapsed = a.ranFor(t)
		a.settle(t, testInterrupted)
		p.interrupted = append(p.interrupted, t)
	}
}

// noteBegan notes when a test began, whatever its events say.
func (a *assembler) noteBegan(pkg, test string, at stamp) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.begins == nil {
		a.begins = make(map[[2]string]stamp)
	}
	a.begins[[2]string{pkg, test}] = at
}

// began is when a test began: earlier than its first event, if that was noted.
func (a *assembler) began(t *test) stamp {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at := a.begins[[2]string{t.pkg.path, t.name}]; at.ok && at.before(t.started) {
		return at
	}
	return t.started
}

// heedBegan adds to the time of interrupted tests what their events do not tell.
func (a *assembler) heedBegan(p *pkg) {
	for _, t := range p.interrupted {
		t.elapsed = max(t.elapsed, a.ranFor(t))
	}
}

// ranFor is how long a test without an end ran, in the precision of end events.
func (a *assembler) ranFor(t *test) time.Duration {
	if ran, ok := a.ran[[2]string{t.pkg.path, t.name}]; ok {
		return ran
	}
	return a.began(t).until(a.endedAt(t.pkg)).Truncate(time.Millisecond)
}

// noteRan notes how long a test without an end ran, as an event file tells.
func (a *assembler) noteRan(pkg, test string, ran time.Duration) {
	if a.ran == nil {
		a.ran = make(map[[2]string]time.Duration)
	}
	a.ran[[2]string{pkg, test}] = ran
}

// settle gives an open test its state.
func (a *assembler) settle(t *test, state testState) {
	t.noEnd = true
	a.unlink(t, state)
	if t.fed {
		a.view.endTest(t, "pass") // takes it from the renderer's running tests
	}
}

// endedAt is when a package ended, and the tests in it that have no end: with
// its end event, or else when the last event came or the interruption,
// whichever was later.
func (a *assembler) endedAt(p *pkg) stamp {
	if p.ended.ok {
		return p.ended
	}
	stop := a.interrupt()
	if stop == nil {
		return a.last
	}
	if at := stampOf(stop.At); !at.before(a.last) {
		return at
	}
	return a.last
}

// keep puts a test into one of the package's lists.
func (p *pkg) keep(t *test, list *[]*test) {
	*list = append(*list, t)
	if p.byID == nil {
		p.byID = make(map[int]*test)
	}
	p.byID[t.id] = t
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
