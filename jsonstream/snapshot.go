package jsonstream

import (
	"slices"
	"strings"

	"pgtest/jsonstream/result"
)

// snapshot returns what is running. It may be called from any goroutine.
func (a *assembler) snapshot() []result.Running {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []result.Running
	for _, p := range a.order {
		if p.state == pkgRunning {
			all = append(all, p.snapshot()...)
		}
	}
	return all
}

// snapshot returns the package and its running tests. A test whose name is the
// start of another's, up to a slash, is its parent.
func (p *pkg) snapshot() []result.Running {
	all := []result.Running{{Package: p.path, Started: p.started.time(), Parent: p.running.first != nil}}
	parents := make(map[string]bool)
	for t := p.running.first; t != nil; t = t.next {
		for i := strings.LastIndexByte(t.name, '/'); i >= 0; i = strings.LastIndexByte(t.name[:i], '/') {
			parents[t.name[:i]] = true
		}
	}
	for t := p.running.first; t != nil; t = t.next {
		all = append(all, result.Running{
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
func (a *assembler) progress() result.Progress {
	a.mu.Lock()
	defer a.mu.Unlock()
	var p result.Progress
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
func (a *assembler) report(errors int) result.Report {
	r := result.Report{Errors: errors, FailedBuilds: a.failedBuilds, Started: a.first.time()}
	if a.first.ok {
		r.Elapsed = a.last.time().Sub(a.first.time())
	}
	for _, p := range a.sorted() {
		pr := p.report()
		r.Packages = append(r.Packages, pr)
		r.Tests += pr.Tests
		r.FailedTests += len(pr.Failed)
		if pr.End.Failed() && len(pr.Failed) == 0 {
			r.FailedTests++
		}
		r.SkippedTests += len(pr.Skipped)
		r.InterruptedTests += len(pr.Interrupted)
	}
	return r
}

func (p *pkg) report() result.PackageReport {
	return result.PackageReport{
		Path:        p.path,
		End:         p.end(),
		Elapsed:     p.elapsed,
		Cached:      p.cached,
		Coverage:    p.coverage,
		FailedBuild: p.failedBuild,
		NoEnd:       p.noEnd,
		Panicked:    p.panicked,
		Tests:       p.total,
		PassedTests: p.passed,
		Failed:      reports(p.failed),
		Skipped:     reports(p.skipped),
		Interrupted: reports(p.interrupted),
	}
}

// end says how the package ended. Of several reasons the first in this order
// counts.
func (p *pkg) end() result.End {
	switch {
	case p.state == pkgPassed:
		return result.Passed
	case p.state == pkgSkipped:
		return result.Skipped
	case p.state == pkgInterrupted:
		return result.Interrupted
	case p.noEnd:
		return result.NoEnd
	case p.failedBuild != "":
		return result.BuildFailed
	case p.timedOut != "":
		return result.TimedOut
	case p.panicked:
		return result.Panicked
	case len(p.failed)+len(p.interrupted) == 0:
		return result.Exited
	}
	return result.Failed
}

// end says how a test ended that is in one of its package's lists. Of several
// reasons the first in this order counts.
func (t *test) end() result.End {
	switch {
	case t.state == testSkipped:
		return result.Skipped
	case t.state == testInterrupted:
		return result.Interrupted
	case t.name == t.pkg.timedOut:
		return result.TimedOut
	case t.panicked:
		return result.Panicked
	case t.noEnd:
		return result.Exited
	}
	return result.Failed
}

func reports(tests []*test) []result.TestReport {
	var all []result.TestReport
	for _, t := range tests {
		all = append(all, result.TestReport{Name: t.name, End: t.end(), Elapsed: t.elapsed, NoEnd: t.noEnd, Panicked: t.panicked, Error: t.firstError})
	}
	return all
}
