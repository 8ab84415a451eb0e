package jsonstream

import (
	"slices"
	"strings"
)

// snapshot returns what is running. It may be called from any goroutine.
func (a *assembler) snapshot() []Running {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []Running
	for _, p := range a.order {
		if p.state == pkgRunning {
			all = append(all, p.snapshot()...)
		}
	}
	return all
}

// snapshot returns the package and its running tests. A test whose name is the
// start of another's, up to a slash, is its parent.
func (p *pkg) snapshot() []Running {
	all := []Running{{Package: p.path, Started: p.started.time(), Parent: p.running.first != nil}}
	parents := make(map[string]bool)
	for t := p.running.first; t != nil; t = t.next {
		for i := strings.LastIndexByte(t.name, '/'); i >= 0; i = strings.LastIndexByte(t.name[:i], '/') {
			parents[t.name[:i]] = true
		}
	}
	for t := p.running.first; t != nil; t = t.next {
		all = append(all, Running{
			Package: p.path,
			Test:    t.name,
			Started: t.started.time(),
			Parent:  parents[t.name],
			Paused:  t.state == testPaused,
		})
	}
	return all
}

// progress counts the packages that have ended. It may be called from any
// goroutine.
func (a *assembler) progress() Progress {
	a.mu.Lock()
	defer a.mu.Unlock()
	var p Progress
	for _, pkg := range a.order {
		if pkg.state != pkgRunning {
			p.Ended++
		}
		if pkg.state == pkgFailed {
			p.Failed++
		}
	}
	return p
}

// sorted returns the packages by import path.
func (a *assembler) sorted() []*pkg {
	return slices.SortedFunc(slices.Values(a.order), func(x, y *pkg) int { return strings.Compare(x.path, y.path) })
}

// shown returns the package that has the given name for the renderer.
func (a *assembler) shown(name string) *pkg {
	if p := a.pkgs[name]; p != nil {
		return p
	}
	for _, p := range a.order {
		if p.name == name {
			return p
		}
	}
	return &pkg{path: name}
}

// showTimes tells the renderer the earliest and the latest time.
func (a *assembler) showTimes() {
	if len(a.order) > 0 {
		a.exec.addTimes(a.order[0].name, a.first, a.last)
	}
}

// report says what came out. Tests without an end have one by now.
func (a *assembler) report(errors int) Report {
	r := Report{Errors: errors, FailedBuilds: a.failedBuilds, Started: a.first.time()}
	if a.first.ok {
		r.Elapsed = a.last.time().Sub(a.first.time())
	}
	for _, p := range a.sorted() {
		pr := p.report()
		r.Packages = append(r.Packages, pr)
		r.Tests += pr.Tests
		r.FailedTests += len(pr.Failed)
		if pr.Result == Failed && len(pr.Failed) == 0 {
			r.FailedTests++
		}
		r.SkippedTests += len(pr.Skipped)
		r.InterruptedTests += len(pr.Interrupted)
	}
	return r
}

func (p *pkg) report() PackageReport {
	return PackageReport{
		Path:        p.path,
		Result:      p.result(),
		Elapsed:     p.elapsed,
		Cached:      p.cached,
		Coverage:    p.coverage,
		FailedBuild: p.failedBuild,
		NoEnd:       p.noEnd,
		Panicked:    p.panicked,
		Tests:       p.total,
		PassedTests: p.passed,
		Failed:      reports(p.failed, Failed),
		Skipped:     reports(p.skipped, Skipped),
		Interrupted: reports(p.interrupted, Interrupted),
	}
}

func (p *pkg) result() Result {
	switch p.state {
	case pkgPassed:
		return Passed
	case pkgSkipped:
		return Skipped
	case pkgInterrupted:
		return Interrupted
	}
	return Failed // also without an end
}

func reports(tests []*test, r Result) []TestReport {
	var all []TestReport
	for _, t := range tests {
		all = append(all, TestReport{Name: t.name, Result: r, Elapsed: t.elapsed, NoEnd: t.noEnd, Panicked: t.panicked, Error: t.firstError})
	}
	return all
}
