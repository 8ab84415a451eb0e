package result

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"pgtest/jsonstream/event"
	"pgtest/jsonstream/internal/spool"
)

// A Package is what is known about a package. Sinks read it.
type Package struct {
	PackageReport // but for the end and the tests, which are kept here

	Index                        int         // in the order in which packages appeared
	Round                        int         // 0 is the run itself, 1 its first rerun
	Started                      event.Stamp // the earliest event
	Seconds                      float64     // Elapsed as the end event has it
	Failed, Skipped, Interrupted []*Test
	TimedOut                     string // the test that ran into -timeout (golang.org/issue/57305)
	ShuffleLine                  string // "-test.shuffle 17", with its line end

	earlier, later *Package // the runs of the same package in other rounds

	results *Results
	end     End              // "" while it runs; Failed for all kinds of failure
	ended   event.Stamp      // zero without an end event that has a time
	tests   map[string]*Test // the latest of each name; nil if it passed and is forgotten
	repeats map[string]int   // how often those ran before that ran before
	running testList         // tests without an end, in the order of their start
	counts  Progress         // of tests that have ended
	late    map[string]*Test // outputs after the end of a test that is forgotten
	output  spool.Buffer     // printed outside tests
	verdict bool             // testing itself said FAIL: all tests came to their end
}

// RunID is what stands behind the names of tests, as testjson has it: "" in the
// run itself, " (re-run 1)" in its first rerun.
func (p *Package) RunID() string {
	if p.Round == 0 {
		return ""
	}
	return fmt.Sprintf(" (re-run %d)", p.Round)
}

// Seed is the seed with which the tests were shuffled, or "".
func (p *Package) Seed() string {
	return strings.TrimSpace(strings.TrimPrefix(p.ShuffleLine, shuffleLine))
}

// End says how the package ended, "" while it runs.
func (p *Package) End() End { return p.facts().of(p.end) }

// Output returns what the package printed outside its tests.
func (p *Package) Output() iter.Seq[[]byte] { return p.results.spool.All(&p.output) }

// Explanation returns what the build printed, if it failed, and what the package
// printed outside its tests.
func (p *Package) Explanation() iter.Seq[[]byte] { return p.results.spool.All(p.explanations()...) }

// ExplanationSize is the length of Explanation.
func (p *Package) ExplanationSize() int64 { return spool.Size(p.explanations()...) }

func (p *Package) explanations() []*spool.Buffer {
	return []*spool.Buffer{p.results.builds[p.FailedBuild], &p.output}
}

// Open calls fn with the tests that have no end, the one that started last first.
func (p *Package) Open(fn func(*Test) bool) {
	for t := p.running.last; t != nil; t = t.prev {
		if !fn(t) {
			return
		}
	}
}

// Interruption returns when and why the run was ended, nil if it was not.
func (p *Package) Interruption() *Interruption { return p.results.Interruption() }

// EndedAt is when the package ended, and the tests in it that have no end: with
// its end event, or else when the last event came or the interruption, whichever
// was later.
func (p *Package) EndedAt() event.Stamp {
	r := p.results
	if p.ended.Known() {
		return p.ended
	}
	if stop := r.Interruption(); stop != nil {
		if at := event.StampOf(stop.At); !at.Before(r.last) {
			return at
		}
	}
	return r.last
}

// IsPassed says whether an open test of a package that has ended must have passed:
// every one of a package that did not fail, and benchmarks if testing came to its
// verdict. go writes no end for most of them.
func (p *Package) IsPassed(t *Test) bool {
	return p.end.OK() || p.verdict && strings.HasPrefix(t.Name, "Benchmark")
}

// pkg returns the package of an event.
func (r *Results) pkg(ev *event.Event) *Package {
	p := r.lastPackage
	if p == nil || p.Path != string(ev.Package) {
		if p = r.pkgs[string(ev.Package)]; p == nil || p.Round < r.round {
			p = r.newPackage(ev)
			r.mu.Lock()
			r.pkgs[p.Path] = p
			r.order = append(r.order, p)
			r.mu.Unlock()
		}
		r.lastPackage, r.lastTest = p, nil
	}
	if ev.Time.Known() && (!p.Started.Known() || ev.Time.Before(p.Started)) {
		r.mu.Lock()
		p.Started = ev.Time
		r.mu.Unlock()
	}
	return p
}

// newPackage makes the record of a package's run in the present round.
func (r *Results) newPackage(ev *event.Event) *Package {
	p := &Package{Index: len(r.order), Round: r.round, Started: ev.Arrival(), results: r}
	p.Path = string(ev.Package)
	if p.earlier = r.pkgs[p.Path]; p.earlier != nil {
		p.earlier.later = p
	}
	return p
}

// setEnd changes the end of a package, "" to let it run again.
func (r *Results) setEnd(p *Package, end End) {
	r.mu.Lock()
	p.end = end
	r.mu.Unlock()
}

func (r *Results) packageEvent(p *Package, ev *event.Event) {
	switch ev.Kind {
	case event.Start:
		if p.end != "" {
			r.setEnd(p, "")
			p.ended, p.verdict, p.Finished = event.Stamp{}, false, false
		}
	case event.Output:
		r.packageOutput(p, ev)
	case event.Pass:
		r.endPackage(p, ev, Passed)
	case event.Skip:
		r.endPackage(p, ev, Skipped)
	case event.Fail:
		r.endPackage(p, ev, Failed)
	}
}

func (r *Results) packageOutput(p *Package, ev *event.Event) {
	out := ev.Output.Bytes(&r.scratch)
	if c, ok := coverage(out); ok {
		p.Coverage = c
	}
	if bytes.Contains(out, []byte("\t(cached)")) {
		p.Cached = true
	}
	switch {
	case bytes.HasPrefix(out, []byte(shuffleLine)):
		p.ShuffleLine = string(out)
	case string(out) == "FAIL\n":
		p.verdict, p.Finished = true, true
	case string(out) == "PASS\n":
		p.Finished = true
	case LooksPanicked(out):
		p.Panicked = true
	}
	if r.opts.Outputs {
		r.spool.Add(&p.output, ev.Output)
	}
}

// shuffleLine starts the line with the seed of -shuffle.
const shuffleLine = "-test.shuffle "

// LooksPanicked says whether an output looks like the start of a panic.
func LooksPanicked(out []byte) bool {
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

// endPackage decides what the package's open tests are, except in one that
// failed: there they were cut off, which is settled when the stream ends.
func (r *Results) endPackage(p *Package, ev *event.Event, end End) {
	p.ended = ev.Time
	p.Seconds = ev.Elapsed
	r.forgetWait(p)
	p.Elapsed = seconds(p.Seconds)
	p.FailedBuild = string(ev.FailedBuild.Bytes(&r.scratch))
	interrupted := r.Interruption() != nil
	if interrupted && end == Failed && len(p.Failed) == 0 {
		end = Interrupted
	}
	r.setEnd(p, end)
	r.opts.Watcher.PackageEnded(p)
	r.settlePassed(p)
	if interrupted {
		r.settleInterrupted(p)
	}
	if end.OK() {
		r.spool.Release(&p.output)
		if p.earlier == nil {
			p.Passes = nil // it is not run again
		}
	}
	if end != Interrupted && p.running.first == nil && len(p.late) == 0 {
		p.tests, p.repeats = nil, nil
	}
	r.lastTest = nil
}

func seconds(s float64) time.Duration {
	return time.Duration(s*1000) * time.Millisecond
}

// settlePassed ends the open tests that must have passed. Subtests come before
// their roots, which drop them.
func (r *Results) settlePassed(p *Package) {
	for t := p.running.last; t != nil; {
		before := t.prev
		if p.IsPassed(t) {
			t.NoEnd = true
			r.unlink(t, Passed)
			r.pass(t)
		}
		t = before
	}
}

// settleInterrupted ends the open tests of a package that was interrupted.
func (r *Results) settleInterrupted(p *Package) {
	for t := p.running.first; t != nil; t = p.running.first {
		t.Elapsed = t.RanFor()
		t.NoEnd = true
		r.unlink(t, Interrupted)
		p.Interrupted = append(p.Interrupted, t)
	}
}

// cutPackage ends a package that has no end event.
func (r *Results) cutPackage(p *Package, interrupted bool) {
	if !interrupted {
		r.setEnd(p, Failed)
		return
	}
	r.setEnd(p, Interrupted)
	r.settleInterrupted(p)
}

// blameLate makes failed tests of those that had passed before they printed
// why the package failed: the goroutine of a test that is over panics.
func (r *Results) blameLate(p *Package) []*Test {
	if p.end != Failed {
		return nil
	}
	var names []string
	for name, t := range p.late {
		if t.Panicked || len(p.Failed) == 0 && !p.NoEnd {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var blamed []*Test
	for _, name := range names {
		t := p.late[name]
		p.Tests++
		t.ID, t.NoEnd, t.end = p.Tests, true, Failed
		p.Failed = append(p.Failed, t)
		blamed = append(blamed, t)
	}
	return blamed
}

// Began records the true start of a test. It may be called from any goroutine.
func (r *Results) Began(b Began) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begins == nil {
		r.begins = make(map[[2]string]event.Stamp)
	}
	r.begins[[2]string{b.Package, b.Test}] = event.StampOf(b.At)
}

// Waited records that a package waited before its tests began. It may be called from
// any goroutine.
func (r *Results) Waited(w Waited) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waited == nil {
		r.waited = make(map[string]time.Duration)
	}
	r.waited[w.Package] = w.To.Sub(w.From)
}

// WaitOf returns how long a package that has not ended waited, 0 if it did not.
func (r *Results) WaitOf(path string) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waited[path]
}

func (r *Results) forgetWait(p *Package) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waited, p.Path)
}

// began is when a test began: earlier than its first event, if that was recorded.
func (r *Results) began(t *Test) event.Stamp {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at := r.begins[[2]string{t.Package.Path, t.Name}]; at.Known() && at.Before(t.started) {
		return at
	}
	return t.started
}

// Ran records how long a test without an end ran.
func (r *Results) Ran(pkg, test string, ran time.Duration) {
	if r.ran == nil {
		r.ran = make(map[[2]string]time.Duration)
	}
	r.ran[[2]string{pkg, test}] = ran
}

// RanFor is how long a test without an end ran, in the precision of end events.
func (t *Test) RanFor() time.Duration {
	r := t.Package.results
	if ran, ok := r.ran[[2]string{t.Package.Path, t.Name}]; ok {
		return ran
	}
	return r.began(t).Until(t.Package.EndedAt()).Truncate(time.Millisecond)
}
