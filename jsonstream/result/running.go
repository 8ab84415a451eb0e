package result

import (
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
}

// Progress counts packages.
type Progress struct {
	// Ended have their result; Failed of them failed.
	Ended, Failed int
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
	all := []Running{{Package: p.Path, Started: p.Started.Time(), Parent: p.running.first != nil}}
	parents := make(map[string]bool)
	for t := p.running.first; t != nil; t = t.next {
		for i := strings.LastIndexByte(t.Name, '/'); i >= 0; i = strings.LastIndexByte(t.Name[:i], '/') {
			parents[t.Name[:i]] = true
		}
	}
	for t := p.running.first; t != nil; t = t.next {
		all = append(all, Running{Package: p.Path, Test: t.Name, Started: t.started.Time(), Parent: parents[t.Name], Paused: t.paused})
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
		if p.end == Failed {
			progress.Failed++
		}
	}
	return progress
}
