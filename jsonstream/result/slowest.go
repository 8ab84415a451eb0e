package result

import (
	"cmp"
	"slices"
	"time"
)

// Slowest keeps the tests that took longest.
type Slowest struct {
	max      int
	least    time.Duration
	subtests bool
	tests    []Timed // the slowest first
}

// Timed is a test with the longest time that it took in the run.
type Timed struct {
	Package, Test string
	Elapsed       time.Duration
}

// minSlowest is how long a test takes at least that is one of the slowest.
const minSlowest = 100 * time.Millisecond

// NewSlowest keeps so many tests that took 100 ms or longer. A subtest's time is
// its test's.
func NewSlowest(limit int) *Slowest { return &Slowest{max: limit, least: minSlowest} }

// NewSlowestOfAll keeps so many tests and subtests, however short they are.
func NewSlowestOfAll(limit int) *Slowest { return &Slowest{max: limit, subtests: true} }

// Tests returns them, the slowest first.
func (s *Slowest) Tests() []Timed { return s.tests }

// Add takes a test that has ended.
func (s *Slowest) Add(t *Test) {
	if s.subtests || !t.subtest() {
		s.AddTimed(Timed{t.Package.Path, t.Name, t.Elapsed})
	}
}

// AddTimed takes a test by name.
func (s *Slowest) AddTimed(ran Timed) {
	last := len(s.tests) - 1
	if ran.Elapsed < s.least || last+1 == s.max && ran.Elapsed <= s.tests[last].Elapsed {
		return
	}
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
