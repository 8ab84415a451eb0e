package result

import (
	"cmp"
	"slices"
	"time"
)

// Slowest keeps the tests that took longest. A subtest's time is its test's.
type Slowest struct {
	max   int
	tests []Timed // the slowest first
}

// Timed is a test with the longest time that it took in the run.
type Timed struct {
	Package, Test string
	Elapsed       time.Duration
}

// minSlowest is how long a test takes at least that is one of the slowest.
const minSlowest = 100 * time.Millisecond

// NewSlowest keeps so many tests.
func NewSlowest(limit int) *Slowest { return &Slowest{max: limit} }

// Tests returns them, the slowest first.
func (s *Slowest) Tests() []Timed { return s.tests }

// Add takes a test that has ended.
func (s *Slowest) Add(t *Test) {
	last := len(s.tests) - 1
	if t.Elapsed < minSlowest || last+1 == s.max && t.Elapsed <= s.tests[last].Elapsed || t.subtest() {
		return
	}
	ran := Timed{t.Package.Path, t.Name, t.Elapsed}
	before := slices.IndexFunc(s.tests, func(o Timed) bool { return o.Package == ran.Package && o.Test == ran.Test })
	switch {
	case before < 0:
		s.tests = append(s.tests, ran)
	case s.tests[before].Elapsed < ran.Elapsed:
		s.tests[before] = ran
	}
	slices.SortStableFunc(s.tests, func(a, b Timed) int { return cmp.Compare(b.Elapsed, a.Elapsed) })
	s.tests = s.tests[:min(len(s.tests), s.max)]
}
