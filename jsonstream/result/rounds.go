package result

import (
	"iter"
	"slices"
)

// countPass counts a test that passed.
func (p *Package) countPass(name string) {
	if p.Passes == nil {
		p.Passes = make(map[string]int)
	}
	p.Passes[name]++
}

// Reach notes which of a package's tests did not run, unless package testing came
// to its end. A package of which nothing ran has the end NotRun.
func (r *Results) Reach(n Unreached) {
	p := r.pkgs[n.Package]
	if p == nil {
		p = &Package{Index: len(r.order), Round: r.round, results: r}
		p.Path, p.end = n.Package, Interrupted
		r.pkgs[n.Package] = p
		r.order = append(r.order, p)
	}
	if p.Finished || p.end != Interrupted && len(p.Interrupted) == 0 {
		return
	}
	ran := make(map[string]bool)
	for _, t := range slices.Concat(p.Failed, p.Skipped, p.Interrupted) {
		ran[t.Name] = true
	}
	for _, name := range n.Tests {
		if p.Passes[name] == 0 && !ran[name] {
			p.Unreached = append(p.Unreached, name)
		}
	}
	p.Reason = n.Reason
	if p.Tests == 0 {
		p.end = NotRun
	}
}

// Flaky reports whether a failed test passed, or was skipped, when it last ran
// in a later round.
func (t *Test) Flaky() bool {
	flaky := false
	named := func(other *Test) bool { return other.Name == t.Name }
	for p := t.Package.later; p != nil; p = p.later {
		switch {
		case slices.ContainsFunc(p.Failed, named), slices.ContainsFunc(p.Interrupted, named):
			flaky = false
		case p.Passes[t.Name] > 0, slices.ContainsFunc(p.Skipped, named):
			flaky = true
		}
	}
	return flaky
}

// Repeats reports whether the test ran in an earlier round, too.
func (t *Test) Repeats() bool {
	named := func(other *Test) bool { return other.Name == t.Name }
	for p := t.Package.earlier; p != nil; p = p.earlier {
		if p.Passes[t.Name] > 0 || slices.ContainsFunc(p.Failed, named) || slices.ContainsFunc(p.Skipped, named) {
			return true
		}
	}
	return false
}

// IsRerun reports whether the package ran in an earlier round, too.
func (p *Package) IsRerun() bool { return p.earlier != nil }

// Runs yields this run of the package and those in later rounds.
func (p *Package) Runs() iter.Seq[*Package] {
	return func(yield func(*Package) bool) {
		for ; p != nil && yield(p); p = p.later {
		}
	}
}

// Flaky reports whether a package failed in this round, and passed when it last
// ran in a later one.
func (p *Package) Flaky() bool {
	return p.end == Failed && p.later != nil && p.last().end.OK()
}

// last is the last run of the package.
func (p *Package) last() *Package {
	for p.later != nil {
		p = p.later
	}
	return p
}

// report is what is known of one run of the package.
func (p *Package) report() PackageReport {
	r := p.PackageReport
	r.End, r.Failed, r.Skipped, r.Interrupted = p.End(), reports(p.Failed), reports(p.Skipped), reports(p.Interrupted)
	r.Shuffle = p.Seed()
	return r
}

// detailed is report with the failures told apart by what was printed.
func (p *Package) detailed() PackageReport {
	r := p.report()
	if !r.End.Failed() {
		return r
	}
	death := p.Death()
	for i, t := range p.Failed {
		r.Failed[i].End, _ = t.Why(death)
	}
	if len(r.Failed) == 0 && r.End != NoEnd {
		r.End = death.End
	}
	return r
}

// merged is what came of the package in all rounds, of which p is the first. It
// passed if its last run did, and every test that had failed.
func (p *Package) merged() PackageReport {
	if p.later == nil {
		return p.report()
	}
	all := p.report()
	all.Failed, all.Passes = nil, nil
	for q := p; q != nil; q = q.later {
		r := q.report()
		for i, t := range q.Failed {
			if t.Flaky() {
				all.Flaky = append(all.Flaky, r.Failed[i])
			} else {
				all.Failed, all.End = append(all.Failed, r.Failed[i]), r.End
			}
		}
		if q == p {
			continue
		}
		all.Tests += r.Tests
		all.PassedTests += r.PassedTests
		all.Skipped = append(all.Skipped, r.Skipped...)
		all.Interrupted = append(all.Interrupted, r.Interrupted...)
		all.NoEnd = r.NoEnd
		all.Panicked = all.Panicked || r.Panicked
	}
	switch last := p.last(); {
	case len(all.Failed) == 0 || !last.end.OK():
		all.End = last.End()
	case all.End.OK():
		all.End = Failed // a package of several commands, of which the last passed
	}
	return all
}

func reports(tests []*Test) []TestReport {
	var all []TestReport
	for _, t := range tests {
		r := t.TestReport
		r.End, r.Round = t.End(), t.Package.Round
		all = append(all, r)
	}
	return all
}

// distinct counts the tests of a package among attempts.
func distinct(attempts []TestReport) int {
	names := make(map[string]bool)
	for _, a := range attempts {
		names[a.Name] = true
	}
	return len(names)
}
