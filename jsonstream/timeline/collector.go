package timeline

import (
	"cmp"
	"slices"
	"time"

	"pgtest/jsonstream/event"
	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// maxTests is how many tests that passed a timeline has: what it takes to hold
// and to show them grows with their number.
const maxTests = 200_000

// A Collector gathers what a timeline needs. It is a sink that writes nothing:
// sinks that show a timeline are closed after it.
type Collector struct {
	sink.None
	max      int
	passed   []test
	omitted  int
	notes    []result.Note
	timeline *Timeline
}

// NewCollector returns a collector of at most 200,000 tests that passed: of more
// it leaves out the shortest.
func NewCollector() *Collector { return &Collector{max: maxTests} }

// Timeline returns the timeline, once the collector is closed.
func (c *Collector) Timeline() *Timeline { return c.timeline }

// Needs asks for tests that passed. The records of the others stay.
func (c *Collector) Needs() sink.Needs { return sink.Needs{Passed: true} }

// test is what is kept of a test, whose record is used again if it passed.
type test struct {
	pkg         *result.Package
	name        string
	began       event.Stamp
	from, until event.Stamp // it waited for its turn
	ended       event.Stamp
	elapsed     time.Duration
	end         result.End
	cut         bool // it has no end event
	flaky       bool
}

func newTest(t *result.Test) test {
	k := test{pkg: t.Package, name: t.Name, began: t.Started(), ended: t.EndedAt(), elapsed: t.Elapsed, end: t.End(), cut: t.NoEnd}
	k.from, k.until = t.Waited()
	return k
}

func (c *Collector) TestEnded(t *result.Test) {
	if t.End() != result.Passed {
		return
	}
	if c.passed = append(c.passed, newTest(t)); len(c.passed) >= 2*c.max {
		c.cut()
	}
}

// cut leaves out the shortest tests.
func (c *Collector) cut() {
	if len(c.passed) <= c.max {
		return
	}
	slices.SortStableFunc(c.passed, func(a, b test) int { return cmp.Compare(b.elapsed, a.elapsed) })
	c.omitted += len(c.passed) - c.max
	clear(c.passed[c.max:])
	c.passed = c.passed[:c.max]
}

func (c *Collector) Note(n result.Note) {
	switch n.(type) {
	case result.Build, result.Process, result.Waited, result.Signal, result.Leaks:
		c.notes = append(c.notes, n)
	}
}

func (c *Collector) Close(r *result.Results) error {
	c.cut()
	b := newBuilder(c.notes)
	b.omitted = c.omitted
	tests := make(map[*result.Package][]test)
	for _, t := range c.passed {
		tests[t.pkg] = append(tests[t.pkg], t)
	}
	for _, p := range r.Packages() {
		b.addPackage(p, append(tests[p], unpassed(p)...))
	}
	if stop := r.Interruption(); stop != nil {
		b.signal(stop.At, "the run is ended: "+stop.Reason)
	}
	c.timeline = b.finish()
	c.passed, c.notes = nil, nil
	return nil
}

// unpassed returns the tests of a package that did not pass. One that had passed,
// and told later why its package failed, is there already.
func unpassed(p *result.Package) []test {
	var all []test
	for _, t := range slices.Concat(p.Failed, p.Skipped, p.Interrupted) {
		if t.Late {
			continue
		}
		k := newTest(t)
		if t.NoEnd && !k.ended.Known() {
			k.ended = event.StampOf(k.began.Time().Add(t.Elapsed))
		}
		k.flaky = t.Flaky()
		all = append(all, k)
	}
	return all
}
