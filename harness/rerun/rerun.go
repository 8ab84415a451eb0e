// Package rerun decides which tests run again: results of the rounds go in, and
// for each package its tests come out, or the reason why not. It starts nothing.
package rerun

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgtest/harness/internal/control"
	"pgtest/jsonstream/result"
)

// Options say which failures are run again.
type Options struct {
	// Attempts is how often a test may run again; with 0 none does.
	Attempts int
	// Of returns how often instead for a test, or for a package that failed without
	// one if test is "", and how long to wait before. nil is Attempts for all.
	Of func(pkg, test string) (attempts int, delay time.Duration)
	// MaxFailures is how many failures the first round may have for any of them
	// to run again. A failed test that has failed subtests is not counted, a
	// package that failed without a failed test is.
	MaxFailures int
	// RootTests runs a whole test again if a subtest of it failed.
	RootTests bool
	// Races says what becomes of tests in which a data race was found.
	Races RacePolicy
	// Runs is how often each test is to run in a round: -count, for each value
	// of -cpu.
	Runs int
	// FailFast says that -failfast is set: behind a failed test there may be
	// others that did not run.
	FailFast bool
	// ByName says that a package can be told only which tests to run, not which
	// to leave out.
	ByName bool
}

// A RacePolicy says what becomes of tests in which a data race was found.
type RacePolicy int

const (
	// LeaveRaces does not run them again. Other tests do run again.
	LeaveRaces RacePolicy = iota
	// AbortOnRace runs no test again if there is one.
	AbortOnRace
	// RerunRaces treats them as other failures.
	RerunRaces
)

// A Package is a package of the next round, and what it runs.
type Package struct {
	Path string
	control.Selection
}

// A Decision is what Next returns: the packages of the next round, by path, and
// a line for each reason why something does not run again. Without packages
// there is no next round.
type Decision struct {
	Packages []Package
	Reasons  []string
	// Delay is how long to wait before the round.
	Delay time.Duration
	// Refused says that tests could run again, and none does because of how
	// many they are or of a data race.
	Refused bool
}

// Next decides what runs after rounds, of which there is at least one.
func Next(o Options, rounds [][]result.PackageReport) Decision {
	last := rounds[len(rounds)-1]
	if o.Of == nil && len(rounds) > o.Attempts {
		return Decision{}
	}
	var d Decision
	refused := make(map[string][]string) // by reason
	failures, races := 0, false
	for _, p := range last {
		if !p.End.Failed() {
			continue
		}
		failed, raced := o.toRun(p)
		failures += max(1, len(failed)+len(raced))
		may, delay := o.may(p, len(rounds))
		if len(may) == 0 {
			continue
		}
		again := func(test string) bool { return slices.Contains(may, test) }
		failed, spent := partition(failed, again)
		raced, spentRaced := partition(raced, again)
		spent = append(spent, spentRaced...)
		races = races || len(raced) > 0
		if len(raced) > 0 {
			refused[dataRace] = append(refused[dataRace], named(p.Path, raced)...)
		}
		if reason := o.refusal(p); reason != "" {
			refused[reason] = append(refused[reason], p.Path)
			continue
		}
		selection := control.Selection{Only: failed, Shuffle: p.Shuffle}
		if o.died(p) || o.FailFast {
			selection.Only, selection.Except = nil, slices.Concat(o.done(p.Path, rounds), raced, spent)
			selection.All = true
		} else if len(failed) == 0 {
			continue
		}
		d.Packages = append(d.Packages, Package{p.Path, selection})
		d.Delay = max(d.Delay, delay)
	}
	switch {
	case len(rounds) == 1 && failures > o.MaxFailures:
		return Decision{Refused: true, Reasons: []string{fmt.Sprintf(
			"number of test failures (%d) exceeds maximum (%d) set by --rerun-fails-max-failures", failures, o.MaxFailures)}}
	case races && o.Races == AbortOnRace:
		return Decision{Refused: true, Reasons: []string{"no test is run again because of a data race (--rerun-fails-abort-on-data-race)"}}
	}
	slices.SortFunc(d.Packages, func(a, b Package) int { return strings.Compare(a.Path, b.Path) })
	for reason, what := range refused {
		d.Reasons = append(d.Reasons, "not run again, "+reason+": "+strings.Join(what, ", "))
	}
	slices.Sort(d.Reasons)
	return d
}

// may returns which failed tests of a package may run again after so many rounds,
// "" for what failed without a test, and how long to wait before.
func (o Options) may(p result.PackageReport, rounds int) (names []string, wait time.Duration) {
	all := []string{""}
	for _, t := range p.Failed {
		all = append(all, t.Name)
		if root, _, sub := strings.Cut(t.Name, "/"); sub && o.RootTests {
			all = append(all, root)
		}
	}
	for _, name := range all {
		attempts, delay := o.Attempts, time.Duration(0)
		if o.Of != nil {
			attempts, delay = o.Of(p.Path, name)
		}
		if attempts >= rounds {
			names, wait = append(names, name), max(wait, delay)
		}
	}
	return names, wait
}

// partition returns the names that are, and the others.
func partition(names []string, is func(string) bool) (those, others []string) {
	for _, name := range names {
		if is(name) {
			those = append(those, name)
		} else {
			others = append(others, name)
		}
	}
	return those, others
}

const dataRace = "data race"

func named(pkg string, tests []string) []string {
	var all []string
	for _, t := range tests {
		all = append(all, pkg+" "+t)
	}
	return all
}

// refusal returns why a package is not run again, "" if it is.
func (o Options) refusal(p result.PackageReport) string {
	switch {
	case p.End == result.BuildFailed:
		return "build failed"
	case p.End == result.NoEnd:
		return "its events have no end"
	case o.ByName && o.died(p):
		return "the command can't be told to run what was not reached"
	case p.Finished && len(p.Failed) == 0:
		return "failed outside of its tests"
	case p.Tests == 0 && p.End != result.Killed && p.End != result.TimedOut:
		return "failed before its first test"
	}
	return ""
}

// died reports whether a package's process ended before its tests did.
func (o Options) died(p result.PackageReport) bool {
	if !o.ByName {
		return !p.Finished
	}
	// The command may print events of its own making, without a verdict.
	return p.Panicked || slices.ContainsFunc(p.Failed, func(t result.TestReport) bool { return t.NoEnd })
}

// toRun returns the failed tests of a package that are to run again, each
// once, without those that run in any case because a subtest of theirs does,
// and those that are left because of a data race.
func (o Options) toRun(p result.PackageReport) (failed, raced []string) {
	races := make(map[string]bool)
	parents := make(map[string]bool)
	for _, t := range p.Failed {
		races[t.Name] = races[t.Name] || t.End == result.Raced
		for parent := range above(t.Name) {
			parents[parent] = true
		}
	}
	seen := make(map[string]bool)
	for _, t := range p.Failed {
		if seen[t.Name] || parents[t.Name] && !o.RootTests || o.RootTests && strings.Contains(t.Name, "/") {
			continue
		}
		seen[t.Name] = true
		race := races[t.Name]
		for parent := range above(t.Name) {
			race = race || races[parent]
		}
		if race && o.Races != RerunRaces {
			raced = append(raced, t.Name)
		} else {
			failed = append(failed, t.Name)
		}
	}
	return failed, raced
}

// above yields the names that a test's name has above it.
func above(name string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for i := strings.LastIndexByte(name, '/'); i >= 0; i = strings.LastIndexByte(name[:i], '/') {
			if !yield(name[:i]) {
				return
			}
		}
	}
}

// done returns the tests of a package that need not run again, because each
// passed or was skipped as often as asked when it last ran, without the
// subtests of these.
func (o Options) done(pkg string, rounds [][]result.PackageReport) []string {
	state := make(map[string]bool)
	for _, round := range rounds {
		for _, p := range round {
			if p.Path == pkg {
				o.take(state, p)
			}
		}
	}
	var names []string
	for name, done := range state {
		if !done || strings.Contains(name, "/") && (o.Runs > 1 || o.RootTests) {
			continue
		}
		covered := false
		for parent := range above(name) {
			covered = covered || state[parent]
		}
		if !covered {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// take updates what is done by a run of a package.
func (o Options) take(state map[string]bool, p result.PackageReport) {
	ran := make(map[string]int)
	for name, n := range p.Passes {
		ran[name] += n
	}
	for _, t := range p.Skipped {
		ran[t.Name]++
	}
	for name, n := range ran {
		// Package testing runs examples once whatever -count is.
		if n >= o.Runs || strings.HasPrefix(name, "Example") {
			state[name] = true
		}
	}
	for _, list := range [][]result.TestReport{p.Failed, p.Interrupted} {
		for _, t := range list {
			state[t.Name] = false
		}
	}
}
