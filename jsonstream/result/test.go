package result

import (
	"bytes"
	"iter"
	"strings"

	"pgtest/jsonstream/event"
	"pgtest/jsonstream/internal/spool"
)

// A Test is one run of a test, subtest, benchmark, example or fuzz test. Sinks
// read it. The record of a test that passed is used again after TestEnded: its
// package and its ID are what can be remembered.
type Test struct {
	TestReport // but for the end, which is kept here

	ID      int // 1 is the package's first
	Package *Package
	Seconds float64 // Elapsed as the end event had it
	Attrs   []Attr
	// Artifacts is the directory for its artifacts, "" if it has none.
	Artifacts string
	// Earlier is how many tests of its name the package ran before in the round,
	// with -count or -cpu.
	Earlier int
	// Late says that it had passed, and printed later why its package failed.
	Late bool

	quarantined bool // it printed QuarantinedLine

	end        End // "" while it runs; Failed for all kinds of failure
	paused     bool
	started    event.Stamp
	waits      [2]event.Stamp // of a parallel test: its first pause event, and the cont event after it
	ended      event.Stamp    // zero without an end event
	root       *Test          // nil for a root, and for a subtest without one
	subs       []*Test        // of a root: all below it
	subFailed  bool           // a root with a failed subtest
	output     spool.Buffer
	prev, next *Test // in Package.running
}

// Attr is an attribute that a test gave itself.
type Attr struct{ Key, Value string }

// QuarantinedLine starts the line that makes of a skipped test one that failed in
// quarantine. Behind it are the last day and the reason.
const QuarantinedLine = "    in quarantine until "

// messageLimit is the length up to which a message is of use to a reader.
const messageLimit = 4 << 10

// End says how the test ended, "" while it runs. [Test.Why] knows more of it.
func (t *Test) End() End { return t.facts().of(t.end) }

func (t *Test) subtest() bool { return strings.Contains(t.Name, "/") }

// Own returns what the test itself printed.
func (t *Test) Own() iter.Seq[[]byte] { return t.Package.results.spool.All(&t.output) }

// Output returns everything that explains the test: its own output, and that of
// its subtests unless a failed one of them shows it. go may have attributed a
// root's output to a subtest (golang.org/issue/29755).
func (t *Test) Output() iter.Seq[[]byte] { return t.Package.results.spool.All(t.outputs()...) }

// OutputSize is the length of Output.
func (t *Test) OutputSize() int64 { return spool.Size(t.outputs()...) }

func (t *Test) outputs() []*spool.Buffer {
	all := []*spool.Buffer{&t.output}
	if t.subtest() || t.subFailed {
		return all
	}
	for _, sub := range t.subs {
		all = append(all, &sub.output)
	}
	return all
}

// Started is when the test began, as far as its events or the run tell.
func (t *Test) Started() event.Stamp { return t.Package.results.began(t) }

// Waited returns when a parallel test began to wait for its turn, and when it
// went on. Both are zero if it did not wait, the second one if it still does.
func (t *Test) Waited() (from, until event.Stamp) { return t.waits[0], t.waits[1] }

// EndedAt is when the test ended: with its end event, or else with its package.
func (t *Test) EndedAt() event.Stamp {
	if t.ended.Known() {
		return t.ended
	}
	return t.Package.EndedAt()
}

// testList is a list of tests, linked through them.
type testList struct{ first, last *Test }

func (l *testList) push(t *Test) {
	t.prev, t.next = l.last, nil
	if l.last == nil {
		l.first = t
	} else {
		l.last.next = t
	}
	l.last = t
}

func (l *testList) remove(t *Test) {
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
func (r *Results) unlink(t *Test, end End) {
	r.mu.Lock()
	t.Package.running.remove(t)
	t.end = end
	switch counts := &t.Package.counts; end {
	case Passed:
		counts.Passed++
	case Failed:
		counts.Failed++
	case Skipped:
		counts.Skipped++
	}
	r.mu.Unlock()
}

// testEvent takes an event of a test. It reports false if it is of no
// consequence.
func (r *Results) testEvent(p *Package, ev *event.Event) bool {
	t := r.lastTest
	if t == nil || t.Package != p || t.Name != string(ev.Test) {
		var known bool
		t, known = p.tests[string(ev.Test)]
		over := known || p.end != ""
		if t == nil && over && !ev.Kind.Terminal() && ev.Kind != event.Run {
			return r.lateEvent(p, ev)
		}
		r.lastTest = t
	}
	ended := t == nil || t.end != ""
	switch ev.Kind {
	case event.Run:
		if !ended {
			r.forget(t) // overtaken by another of its name
		}
		r.newTest(p, ev)
		return true
	case event.Pass, event.Fail, event.Skip:
		if ended {
			t = r.newTest(p, ev)
		}
		r.endTest(t, ev)
		return true
	case event.Artifacts:
		if t != nil {
			t.Artifacts = ev.Path.String()
		}
		return true
	case event.Other:
		return true
	}
	if t == nil {
		t = r.newTest(p, ev)
	}
	switch ev.Kind {
	case event.Output, event.Bench:
		r.testOutput(t, ev)
	case event.Attr:
		t.Attrs = append(t.Attrs, Attr{ev.Key.String(), ev.Value.String()})
	case event.Pause, event.Cont:
		if !ended {
			r.mu.Lock()
			t.paused = ev.Kind == event.Pause
			r.mu.Unlock()
			t.wait(ev)
		}
	}
	return true
}

// wait takes the first pause event of a test, and the cont event after it. Older
// versions of go have others for changes between tests that print.
func (t *Test) wait(ev *event.Event) {
	paused, went := t.waits[0].Known(), t.waits[1].Known()
	switch {
	case ev.Kind == event.Pause && !paused:
		t.waits[0] = ev.Arrival()
	case ev.Kind == event.Cont && paused && !went:
		t.waits[1] = ev.Arrival()
	}
}

// newTest makes a test of an event's name: by its run event, or by the first
// event if it has none.
func (r *Results) newTest(p *Package, ev *event.Event) *Test {
	var t *Test
	if n := len(r.free); n > 0 {
		t, r.free = r.free[n-1], r.free[:n-1]
	} else {
		t = new(Test)
	}
	p.Tests++
	*t = Test{TestReport: TestReport{Name: string(ev.Test)}, ID: p.Tests, Package: p, started: ev.Arrival(), subs: t.subs[:0], Attrs: t.Attrs[:0]}
	if i := strings.IndexByte(t.Name, '/'); i >= 0 {
		if root := p.tests[t.Name[:i]]; root != nil && root.end == "" {
			t.root = root
			root.subs = append(root.subs, t)
		}
	}
	if _, repeats := p.tests[t.Name]; repeats {
		if p.repeats == nil {
			p.repeats = make(map[string]int)
		}
		p.repeats[t.Name]++
		t.Earlier = p.repeats[t.Name]
	}
	r.mu.Lock()
	if p.tests == nil {
		p.tests = make(map[string]*Test)
	}
	p.tests[t.Name] = t
	p.running.push(t)
	p.end = ""
	r.mu.Unlock()
	r.lastTest = t
	return t
}

func (r *Results) testOutput(t *Test, ev *event.Event) {
	p := t.Package
	if p.TimedOut != "" && p.TimedOut == t.Name {
		r.keep(&p.output, ev) // the package's, but go does not know it
		return
	}
	out := r.keep(&t.output, ev)
	if t.Error == "" && string(ev.OutputType.Raw) == "error" {
		text := ev.Output.AppendTo(nil)
		t.Error = string(bytes.TrimSpace(text[:min(len(text), messageLimit)]))
	}
	switch {
	case bytes.HasPrefix(out, []byte(QuarantinedLine)):
		t.quarantined = true
	case bytes.HasPrefix(out, []byte(timedOutPanic)):
		p.TimedOut = t.Name
		t.Panicked, p.Panicked = true, true
		if r.opts.Outputs {
			t.output.DropLast(out)
			r.keep(&p.output, ev)
		}
	case LooksPanicked(out):
		t.Panicked, p.Panicked = true, true
	}
}

// keep adds an output to a buffer, if outputs are wanted, and returns it.
func (r *Results) keep(b *spool.Buffer, ev *event.Event) []byte {
	if !r.opts.Outputs {
		return ev.Output.Raw
	}
	return r.spool.Add(b, ev.Output)
}

// lateEvent takes an event that comes after the end of a test that passed and
// is forgotten. Its output is kept: it may say why the package fails.
func (r *Results) lateEvent(p *Package, ev *event.Event) bool {
	if ev.Kind != event.Output && ev.Kind != event.Bench {
		return false
	}
	t := p.late[string(ev.Test)]
	if t == nil {
		t = &Test{TestReport: TestReport{Name: string(ev.Test)}, Package: p, Late: true, started: ev.Time}
		if p.late == nil {
			p.late = make(map[string]*Test)
		}
		p.late[t.Name] = t
	}
	if out := r.keep(&t.output, ev); LooksPanicked(out) {
		t.Panicked, p.Panicked = true, true
	}
	return true
}

func (r *Results) endTest(t *Test, ev *event.Event) {
	p := t.Package
	t.Seconds, t.Elapsed = ev.Elapsed, seconds(ev.Elapsed)
	t.ended = ev.Arrival()
	switch ev.Kind {
	case event.Pass:
		r.unlink(t, Passed)
		r.pass(t)
		return
	case event.Fail:
		r.unlink(t, Failed)
		p.Failed = append(p.Failed, t)
		if t.root != nil && t.root.end == "" {
			r.mu.Lock()
			t.root.subFailed = true
			r.mu.Unlock()
		}
	case event.Skip:
		r.unlink(t, Skipped)
		p.Skipped = append(p.Skipped, t)
	}
	r.opts.Watcher.TestEnded(t)
	r.trim(t)
}

// pass drops what a passed test printed. A subtest's output waits for its root:
// go may have attributed the root's output to it (golang.org/issue/29755).
func (r *Results) pass(t *Test) {
	t.Package.PassedTests++
	if r.opts.Passes {
		t.Package.countPass(t.Name)
	}
	if r.opts.Passed {
		r.opts.Watcher.TestEnded(t)
	}
	if t.subtest() && t.root != nil && t.root.end == "" {
		return
	}
	for _, sub := range t.subs {
		switch sub.end {
		case Passed:
			r.forget(sub)
		case Failed:
			// Not dropped: the root says pass, the subtest's failure stands.
		case "":
			r.forget(sub) // no end before its root's: golang.org/issue/40771
		}
	}
	r.forget(t)
}

// trim drops the outputs that a test that did not pass will not show: those of
// passed subtests, if a failed one explains it.
func (r *Results) trim(t *Test) {
	if !t.subFailed {
		return
	}
	for _, sub := range t.subs {
		if sub.end == Passed {
			r.spool.Release(&sub.output)
		}
	}
}

// forget drops a test. Its name stays known until its package ends.
func (r *Results) forget(t *Test) {
	r.spool.Release(&t.output)
	p := t.Package
	if t.end == "" {
		r.unlink(t, Passed)
	}
	if p.tests[t.Name] == t {
		p.tests[t.Name] = nil
	}
	if r.lastTest == t {
		r.lastTest = nil
	}
	if t.root == nil {
		for _, sub := range t.subs {
			sub.root = nil
			if sub.end == Passed {
				r.reuse(sub)
			}
		}
		r.reuse(t)
	}
}

// reuse keeps the record of a test that nothing refers to for another one.
func (r *Results) reuse(t *Test) {
	const limit = 1000
	if len(r.free) < limit {
		r.free = append(r.free, t)
	}
}
