package harness

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"pgtest/harness/plural"
	"pgtest/jsonstream/result"
)

// running returns what runs, by the events and by what is known of processes.
// The events of a package whose tests have processes of their own come in the
// order of its source: they tell of one test at a time. The others are behind
// it.
func (p *plan) running(events []result.Running) []result.Running {
	var all []result.Running
	reported := make(map[[2]string]bool)
	for i, t := range events {
		if known, ok := p.testOf(t.Package, t.Test); ok {
			t.Started = known.started
		}
		if t.Test == "" {
			t.Waiting = p.waitsFor(t.Package)
		}
		all = append(all, t)
		reported[[2]string{t.Package, t.Test}] = true
		if i+1 < len(events) && events[i+1].Package == t.Package {
			continue
		}
		for _, hidden := range p.testsOf(t.Package) {
			if !reported[[2]string{t.Package, hidden.name}] {
				all = append(all, result.Running{Package: t.Package, Test: hidden.name, Started: hidden.started})
			}
		}
	}
	return all
}

// testsOf returns the tests of a package that run in processes of their own.
func (p *plan) testsOf(pkg string) []runningTest {
	for _, s := range p.present {
		if s.divides(pkg) {
			return s.children
		}
	}
	return nil
}

// testOf returns the one with this name.
func (p *plan) testOf(pkg, test string) (runningTest, bool) {
	for _, t := range p.testsOf(pkg) {
		if t.name == test {
			return t, true
		}
	}
	return runningTest{}, false
}

// report says what is running, a line each, and the last lines that each has
// printed. command is the command's process id, or 0.
func (p *plan) report(events []result.Running, command int, now time.Time, printed func(pkg, test string) iter.Seq[[]byte]) string {
	var b strings.Builder
	for _, running := range p.running(events) {
		b.WriteString("pgtest: running: " + p.describe(running, now) + "\n")
		last, before := lastLines(printed(running.Package, running.Test), reportLines)
		if before > 0 {
			fmt.Fprintf(&b, "    … %s before\n", plural.Count(before, "line", "lines"))
		}
		writeIndented(&b, last)
	}
	switch {
	case b.Len() > 0:
		return strings.TrimSuffix(b.String(), "\n")
	case command == 0:
		return "pgtest: no test is running"
	}
	return fmt.Sprintf("pgtest: no test is running; %s is pid %d", p.source.name(), command)
}

// describe returns a line about a running package or test.
func (p *plan) describe(running result.Running, now time.Time) string {
	elapsed := now.Sub(running.Started).Seconds()
	if running.Test != "" {
		paused := ""
		if running.Paused {
			paused = ", paused"
		}
		if t, ok := p.testOf(running.Package, running.Test); ok {
			return fmt.Sprintf("%s %s (%.2fs, pid %d)", running.Package, running.Test, elapsed, t.pid)
		}
		return fmt.Sprintf("%s %s (%.2fs%s)", running.Package, running.Test, elapsed, paused)
	}
	if running.Waiting != "" {
		return fmt.Sprintf("%s (%.2fs, waits %s)", running.Package, elapsed, running.Waiting)
	}
	for _, s := range p.present {
		if s.process.Package == running.Package && s.ids.PID > 0 {
			return fmt.Sprintf("%s (%.2fs, pid %d)", running.Package, elapsed, s.ids.PID)
		}
	}
	return fmt.Sprintf("%s (%.2fs)", running.Package, elapsed)
}
