package jsonstream

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"pgtest/jsonstream/junit"
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
	inFile     bool // the event file has an end for it
	panicked   bool
	firstError string // the first output that go says is an error, trimmed
	substance  bool   // has output beyond framing lines
	prev, next *test  // in pkg.running
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
		if t.firstError == "" && string(ev.outputType.raw) == "error" {
			text := ev.output.appendTo(nil)
			t.firstError = string(bytes.TrimSpace(text[:min(len(text), messageLimit)]))
		}
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

// cutName shortens a name for the renderer, and keeps it unique. Two names of
// control characters, each six bytes in JSON, fit into one of its lines.
func cutName(name string, id int) string {
	const limit = 4 << 10
	if len(name) <= limit {
		return name
	}
	return fmt.Sprintf("%s…%d", strings.ToValidUTF8(name[:limit], ""), id)
}
