package jsonstream

import (
	"fmt"
	"io"
	"strings"
	"time"

	"pgtest/jsonstream/junit"
	"pgtest/jsonstream/result"
)

// junitSink makes the JUnit report. Testcases of passed tests are kept as they
// are to be written, the others are made from what the assembler kept.
type junitSink struct {
	opts      junit.Options
	assembler *assembler
	className string // of the latest package
	latest    *pkg
	scratch   []byte
}

// pass keeps the testcase of a test that passed, and drops its attributes into
// the properties of its suite: the schema has none for testcases.
func (j *junitSink) pass(t *test) {
	if j.latest != t.pkg {
		j.latest, j.className = t.pkg, j.class(t.pkg)
	}
	j.scratch = junit.AppendPassed(j.scratch[:0], j.className, t.name, t.elapsed)
	j.assembler.spool.add(&t.pkg.cases, text{raw: j.scratch})
	t.pkg.attributes(t)
}

func (p *pkg) attributes(t *test) {
	for _, a := range t.attrs {
		p.properties = append(p.properties, junit.Property{Name: t.name + "." + a.Name, Value: a.Value})
	}
}

func (j *junitSink) class(p *pkg) string {
	if j.opts.ClassName == nil {
		return p.path
	}
	return j.opts.ClassName(p.path)
}

func (j *junitSink) suiteName(p *pkg) string {
	if j.opts.SuiteName == nil {
		return p.path
	}
	return j.opts.SuiteName(p.path)
}

// write writes the report of packages, in their order.
func (j *junitSink) write(pkgs []*pkg, r result.Report, notes map[string]*annotation, reason string) error {
	suites := make([]suite, 0, len(pkgs))
	var total junit.Counts
	for _, p := range pkgs {
		s := j.suite(p, notes[p.path], reason)
		if j.opts.HideEmptyPackages && s.Tests == 0 {
			continue
		}
		suites = append(suites, s)
		total.Tests += s.Tests
		total.Failures += s.Failures
		total.Errors += s.Errors
	}
	w := junit.NewWriter(j.opts.Out)
	w.Begin(j.opts.ProjectName, total, r.Elapsed)
	for _, s := range suites {
		w.BeginSuite(s.Suite)
		for _, c := range s.cases {
			w.Case(c)
		}
		if err := j.assembler.spool.each(&s.pkg.cases, w.Raw); err != nil {
			return err
		}
		w.EndSuite()
	}
	return w.End()
}

// suite is a testsuite with the testcases that did not pass.
type suite struct {
	junit.Suite
	pkg   *pkg
	cases []junit.Case
}

func (s *suite) add(c junit.Case) {
	s.cases = append(s.cases, c)
	s.Tests++
	switch c.Outcome {
	case junit.Failure:
		s.Failures++
	case junit.Error:
		s.Errors++
	case junit.Skip:
		s.Skipped++
	}
}

func (j *junitSink) suite(p *pkg, note *annotation, reason string) suite {
	s := suite{pkg: p}
	s.Name = j.suiteName(p)
	s.Time = p.elapsed
	s.Timestamp = p.started.time()
	s.Tests = p.passed
	if j.opts.GoVersion != "" {
		s.Properties = append(s.Properties, junit.Property{Name: "go.version", Value: j.opts.GoVersion})
	}
	if p.coverage != "" {
		s.Properties = append(s.Properties, junit.Property{Name: "coverage.statements.pct", Value: percentage(p.coverage)})
	}
	if note != nil {
		s.Properties = append(s.Properties, note.properties...)
	}
	d := j.death(p)
	if c, ok := j.packageError(p, d, reason); ok {
		s.add(c)
	}
	for _, t := range p.interrupted {
		s.add(j.interruptedCase(t, reason))
	}
	for _, t := range p.failed {
		s.add(j.failedCase(t, d))
	}
	for _, t := range p.skipped {
		if !j.opts.HideSkippedTests {
			s.add(j.skippedCase(t))
		}
	}
	if note != nil {
		for _, c := range note.errors {
			c.ClassName = j.class(p)
			s.add(c)
		}
	}
	for _, list := range [][]*test{p.interrupted, p.failed, p.skipped} {
		for _, t := range list {
			p.attributes(t)
		}
	}
	s.Properties = append(s.Properties, p.properties...)
	return s
}

// percentage is the number in go's sentence on coverage.
func percentage(sentence string) string {
	s := strings.TrimPrefix(sentence, "coverage: ")
	number, _, _ := strings.Cut(s, "%")
	return number
}

// packageError is the testcase for a package that did not fail by its tests.
func (j *junitSink) packageError(p *pkg, d death, reason string) (junit.Case, bool) {
	c := junit.Case{ClassName: j.class(p), Name: "TestMain", Time: p.elapsed, Outcome: junit.Error}
	c.Body = func(w io.Writer) error {
		if b := j.assembler.builds[p.failedBuild]; b != nil {
			if err := j.assembler.spool.each(b, writeTo(w)); err != nil {
				return err
			}
		}
		return j.assembler.spool.each(&p.out, writeTo(w))
	}
	switch {
	case p.state == pkgInterrupted && len(p.interrupted) == 0:
		c.Type, c.Message = "interrupted", "interrupted by "+reason
	case p.state == pkgFailed && p.noEnd:
		c.Type, c.Message = "incomplete", "the package has no end"
	case p.timedOut != "" && d.kind == "timeout":
		c.Type, c.Message = d.kind, d.message
	case p.state == pkgFailed && len(p.failed)+len(p.interrupted) == 0:
		c.Type, c.Message = d.kind, d.message
	default:
		return c, false
	}
	if c.Type == "build" {
		c.Name = "[build failed]"
	}
	return c, true
}

func (j *junitSink) testCase(t *test, o junit.Outcome) junit.Case {
	return junit.Case{
		ClassName: j.class(t.pkg), Name: t.name, Time: t.elapsed, Outcome: o,
		Body: func(w io.Writer) error { return j.assembler.outputs(t, writeTo(w)) },
	}
}

func writeTo(w io.Writer) func([]byte) {
	return func(out []byte) { w.Write(out) }
}

func (j *junitSink) interruptedCase(t *test, reason string) junit.Case {
	c := j.testCase(t, junit.Error)
	c.Type = "interrupted"
	c.Message = interruptedAfter(t.elapsed, reason)
	return c
}

func interruptedAfter(elapsed time.Duration, reason string) string {
	return fmt.Sprintf("interrupted after %.2fs by %s", elapsed.Seconds(), reason)
}

func (j *junitSink) failedCase(t *test, d death) junit.Case {
	c := j.testCase(t, junit.Failure)
	c.Type, c.Message = j.why(t, d)
	return c
}

func (j *junitSink) skippedCase(t *test) junit.Case {
	c := j.testCase(t, junit.Skip)
	c.Message = j.skipMessage(t)
	c.Body = nil
	return c
}
