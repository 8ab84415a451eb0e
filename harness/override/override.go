// Package override holds the settings of single packages and tests, which replace
// those of flags, and the place where each stands. It only answers: others apply them.
package override

import (
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/internal/pattern"
)

// A Value is one that may be set. The zero Value is not.
type Value[T any] struct {
	Is    T
	Where string // it stands, "" if it is not set
}

// Set reports whether there is a value.
func (v Value[T]) Set() bool { return v.Where != "" }

// Or returns the value, or another if it is not set.
func (v Value[T]) Or(other T) T {
	if v.Set() {
		return v.Is
	}
	return other
}

// Settings are what can hold for a package or a test.
type Settings struct {
	// Timeout ends a test that runs for longer, 0 none.
	Timeout Value[time.Duration] `json:",omitzero"`
	// SlowAfter is when a test is reported as slow, 0 is never.
	SlowAfter Value[time.Duration] `json:",omitzero"`
	// Retries is how often a test that failed runs again, RetryDelay the time
	// before.
	Retries    Value[int]           `json:"-"`
	RetryDelay Value[time.Duration] `json:"-"`
	// Group is the name of the group whose places packages and tests share.
	Group Value[string] `json:"-"`
	// Weight is how many processors count as busy.
	Weight Value[int] `json:"-"`
	// Quarantine is until when failures mean nothing.
	Quarantine Value[Quarantine] `json:"-"`

	// The rest is for whole packages.

	// Isolate says whether each test gets a process of its own.
	Isolate Value[Isolation] `json:",omitzero"`
	// Procs is GOMAXPROCS of the package's processes, and with it how many
	// parallel tests run at once.
	Procs Value[int] `json:",omitzero"`
	// Leaks says what processes mean that are left behind.
	Leaks Value[LeakPolicy] `json:",omitzero"`
	// Environment has variables for the package's processes, by name.
	Environment map[string]Value[string] `json:",omitempty"`
}

// An Isolation says whether each test of a package gets a process of its own.
type Isolation bool

func (i Isolation) String() string {
	if i {
		return "test"
	}
	return "package"
}

// A LeakPolicy says how a process that a test binary left behind affects the
// result. The process is ended in any case.
type LeakPolicy int

const (
	// WarnLeaks reports leaked processes. The result is not affected.
	WarnLeaks LeakPolicy = iota
	// FailLeaks makes the package fail.
	FailLeaks
	// IgnoreLeaks reports nothing.
	IgnoreLeaks
)

func (p LeakPolicy) String() string { return [...]string{"warn", "fail", "ignore"}[p] }

// A Rule is settings for some packages and tests.
type Rule struct {
	Settings
	packages gotest.Patterns
	tests    pattern.Compiled
	patterns patterns
}

// patterns are what a rule is for.
type patterns struct {
	Packages []string `json:",omitempty"`
	Tests    string   `json:",omitempty"`
	OfTests  bool     `json:",omitempty"`
}

// InPackages restricts the rule to packages whose import path one of the patterns
// matches, as the go command matches it.
func (r *Rule) InPackages(patterns ...string) {
	r.patterns.Packages = append(r.patterns.Packages, patterns...)
	r.packages.Add(patterns...)
}

// ForTests restricts the rule to tests that -run with a pattern would choose with
// all of their subtests.
func (r *Rule) ForTests(run string) error {
	var err error
	r.tests, err = pattern.Compile(run)
	r.patterns.Tests, r.patterns.OfTests = run, true
	return err
}

// Only returns the pattern for ForTests that is for one test and its subtests.
func Only(test string) string { return pattern.Exact(test) }

func (r *Rule) matches(pkg string) bool { return r.packages.Match(pkg) }

// Rules are in the order of a file: the later wins.
type Rules []*Rule

// ForFuzzing returns the rules without what can't hold for a fuzz target, which runs
// for as long as it is told to and would search anew.
func (rules Rules) ForFuzzing() Rules {
	var all Rules
	for _, r := range rules {
		rest := *r
		rest.Timeout, rest.SlowAfter, rest.Retries = Value[time.Duration]{}, Value[time.Duration]{}, Value[int]{}
		all = append(all, &rest)
	}
	return all
}

// Quarantines reports whether one of the rules has a quarantine.
func (rules Rules) Quarantines() bool {
	return slices.ContainsFunc(rules, func(r *Rule) bool { return r.Quarantine.Set() })
}

// Package returns what holds for a package as a whole, by the rules that are not
// for tests.
func (rules Rules) Package(path string) Settings {
	var s Settings
	for _, r := range rules {
		if !r.patterns.OfTests && r.matches(path) {
			s.add(r.Settings)
		}
	}
	return s
}

// Test returns what holds for a test, named as in events: what holds for its
// package, its parents and itself.
func (rules Rules) Test(path, test string) Settings {
	var s Settings
	for _, r := range rules {
		if r.matches(path) && (!r.patterns.OfTests || r.tests.Covers(test)) {
			s.add(r.Settings)
		}
	}
	return s
}

// Outlasts reports whether a test of a package may run for longer than a limit, or
// of any package if path is "".
func (rules Rules) Outlasts(path string, limit time.Duration) bool {
	return limit > 0 && slices.ContainsFunc(rules, func(r *Rule) bool {
		return r.Timeout.Set() && (r.Timeout.Is == 0 || r.Timeout.Is > limit) && (path == "" || r.matches(path))
	})
}

// OfTests reports whether a package has rules for some of its tests.
func (rules Rules) OfTests(path string) bool {
	for _, r := range rules {
		if r.patterns.OfTests && r.matches(path) {
			return true
		}
	}
	return false
}

// add takes what is set in other.
func (s *Settings) add(other Settings) {
	put(&s.Timeout, other.Timeout)
	put(&s.SlowAfter, other.SlowAfter)
	put(&s.Retries, other.Retries)
	put(&s.RetryDelay, other.RetryDelay)
	put(&s.Group, other.Group)
	put(&s.Weight, other.Weight)
	put(&s.Quarantine, other.Quarantine)
	put(&s.Isolate, other.Isolate)
	put(&s.Procs, other.Procs)
	put(&s.Leaks, other.Leaks)
	for name, v := range other.Environment {
		if s.Environment == nil {
			s.Environment = make(map[string]Value[string])
		}
		s.Environment[name] = v
	}
}

func put[T any](to *Value[T], v Value[T]) {
	if v.Set() {
		*to = v
	}
}

// A Quarantine is until when failures of a test mean nothing, and why.
type Quarantine struct {
	until  string // the last day, as 2027-01-31
	Reason string
}

// ParseQuarantine reads a day, and behind it a reason.
func ParseQuarantine(text string) (Quarantine, error) {
	var q Quarantine
	if match := quarantine().FindStringSubmatch(text); match != nil {
		q = Quarantine{match[1], match[2]}
	}
	if _, err := time.Parse(time.DateOnly, q.until); err != nil {
		return Quarantine{}, fmt.Errorf("bad value %q: must be a day and a reason, as \"2027-01-31 https://…\"", text)
	}
	return q, nil
}

var quarantine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\d{4}-\d\d-\d\d)\s+(\S.*?)\s*$`) })

func (q Quarantine) String() string { return q.until + " " + q.Reason }

// Until is the last day of the quarantine, as 2027-01-31.
func (q Quarantine) Until() string { return q.until }

// Expired reports whether the last day is over, where the time is.
func (q Quarantine) Expired(now time.Time) bool { return now.Format(time.DateOnly) > q.until }

// A Group is a name under which packages and tests share places.
type Group struct {
	Name string
	Max  int // how many of them may run at once
}
