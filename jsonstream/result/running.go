package result

import (
	"iter"
	"strings"
	"time"
)

// Running is a package or a test that has started and not ended.
type Running struct {
	Package string
	// Test is empty for the package itself.
	Test    string
	Started time.Time
	// Parent says that a subtest of this test is running, or that a test of
	// this package is: the innermost ones have Parent false.
	Parent bool
	// Paused says that a parallel test waits for its turn.
	Paused bool
	// Failed says that the package has a failed test, or the test a failed
	// subtest.
	Failed bool
	// Waiting says what a package waits for before its tests begin: "for a place".
	// It is empty if they may run.
	Waiting string
}

// Progress says how far a round is.
type Progress struct {
	// Ended counts the packages that have their result.
	Ended int
	// Tests that have ended. Failed also counts packages that failed without a
	// failed test, as the summary does.
	Passed, Failed, Skipped int
}

// Running returns what has started and not ended: packages in the order of
// their start, each followed by its tests in theirs. It may be called from any
// goroutine.
func (r *Results) Running() []Running {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Running
	for _, p := range r.order[r.from:] {
		if p.end == "" {
			all = append(all, p.snapshot()...)
		}
	}
	return all
}

// snapshot returns the package and its running tests. A test whose name is the
// start of another's, up to a slash, is its parent.
func (p *Package) snapshot() []Running {
	all := []Running{{Package: p.Path, Started: p.Started.Time(), Parent: p.running.first != nil, Failed: p.counts.Failed > 0}}
	parents := make(map[string]bool)
	for t := p.running.first; t != nil; t = t.next {
		for i := strings.LastIndexByte(t.Name, '/'); i >= 0; i = strings.LastIndexByte(t.Name[:i], '/') {
			parents[t.Name[:i]] = true
		}
	}
	for t := p.running.first; t != nil; t = t.next {
		all = append(all, Running{Package: p.Path, Test: t.Name, Started: t.started.Time(), Parent: parents[t.Name], Paused: t.paused, Failed: t.subFailed})
	}
	return all
}

// Progress says how far the present round is. It may be called from any goroutine.
func (r *Results) Progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	var progress Progress
	for _, p := range r.order[r.from:] {
		if p.end != "" {
			progress.Ended++
		}
		progress.Passed += p.counts.Passed
		progress.Failed += p.counts.Failed
		progress.Skipped += p.counts.Skipped
		if p.end == Failed && p.counts.Failed == 0 {
			progress.Failed++
		}
	}
	return progress
}

// Ended reports whether a package has its result in the present round. It may be
// called from any goroutine.
func (r *Results) Ended(path string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pkgs[path]
	return p != nil && p.Round == r.round && p.end != ""
}

// Printed returns what a running test has printed itself so far, or a package
// outside its tests if test is empty.
func (r *Results) Printed(pkg, test string) iter.Seq[[]byte] {
	p := r.pkgs[pkg]
	switch {
	case p == nil:
	case test == "":
		return p.Output()
	case p.tests[test] != nil:
		return unframed(p.tests[test].Own(), test)
	}
	return func(func([]byte) bool) {}
}

// FailedSoFar returns what has failed in any round and has not passed since, in
// the order of packages.
func (r *Results) FailedSoFar() []Failure {
	var all []Failure
	for _, p := range r.order {
		for _, t := range p.Failed {
			if !t.Flaky() {
				all = append(all, Failure{Package: p, Test: t, End: t.End(), Elapsed: t.Elapsed})
			}
		}
		if p.end == Failed && !p.Flaky() {
			all = append(all, p.alone(p.Death())...)
		}
	}
	return all
}
