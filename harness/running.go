package harness

import (
	"fmt"
	"strings"
	"time"

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

// report says what is running, a line each. command is the command's process
// id, or 0.
func (p *plan) report(events []result.Running, command int, now time.Time) []step {
	var lines []string
	for _, running := range p.running(events) {
		lines = append(lines, "pgtest: running: "+p.describe(running, now))
	}
	switch {
	case len(lines) > 0:
	case command == 0:
		lines = []string{"pgtest: no test is running"}
	default:
		lines = []string{fmt.Sprintf("pgtest: no test is running; %s is pid %d", p.source.name(), command)}
	}
	return []step{say(strings.Join(lines, "\n"))}
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
	for _, s := range p.present {
		if s.process.Package == running.Package && s.ids.PID > 0 {
			return fmt.Sprintf("%s (%.2fs, pid %d)", running.Package, elapsed, s.ids.PID)
		}
	}
	return fmt.Sprintf("%s (%.2fs)", running.Package, elapsed)
}
