package junit

import (
	"slices"
	"strings"

	"pgtest/jsonstream/event"
	"pgtest/jsonstream/internal/spool"
	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// Sink makes the report. Testcases of passed tests are kept as they are to be
// written, the others are made from the results at the end.
type Sink struct {
	sink.None
	opts      Options
	spool     *spool.Spool
	passed    map[*result.Package]*passed
	notes     map[string][]result.Note // by package
	goVersion string
	scratch   []byte
}

// passed is what is kept of a package's passed tests.
type passed struct {
	className  string
	cases      spool.Buffer
	properties []Property
}

// New returns a Sink that keeps testcases in sp.
func New(opts Options, sp *spool.Spool) *Sink {
	asItIs := func(importPath string) string { return importPath }
	if opts.SuiteName == nil {
		opts.SuiteName = asItIs
	}
	if opts.ClassName == nil {
		opts.ClassName = asItIs
	}
	return &Sink{opts: opts, spool: sp, passed: make(map[*result.Package]*passed), notes: make(map[string][]result.Note)}
}

func (s *Sink) Needs() sink.Needs { return sink.Needs{Passed: true, Outputs: true} }

// TestEnded keeps the testcase of a test that passed, and its attributes.
func (s *Sink) TestEnded(t *result.Test) {
	if t.End() != result.Passed {
		return
	}
	kept := s.passed[t.Package]
	if kept == nil {
		kept = &passed{className: s.opts.ClassName(t.Package.Path)}
		s.passed[t.Package] = kept
	}
	s.scratch = AppendPassed(s.scratch[:0], kept.className, t.Name, t.Elapsed)
	s.spool.Add(&kept.cases, event.Text{Raw: s.scratch})
	kept.properties = appendAttrs(kept.properties, t)
}

// appendAttrs makes properties of a suite from a test's attributes: the schema
// has none for testcases.
func appendAttrs(properties []Property, t *result.Test) []Property {
	for _, a := range t.Attrs {
		properties = append(properties, Property{Name: t.Name + "." + a.Key, Value: a.Value})
	}
	return properties
}

// Close writes the report.
func (s *Sink) Close(r *result.Results) error {
	var suites []suite
	var total Counts
	for _, p := range r.Packages() {
		suite := s.suite(p)
		if s.opts.HideEmptyPackages && suite.Tests == 0 {
			continue
		}
		suites = append(suites, suite)
		total.Tests += suite.Tests
		total.Failures += suite.Failures
		total.Errors += suite.Errors
	}
	w := NewWriter(s.opts.Out)
	elapsed, _ := r.Elapsed()
	w.Begin(s.opts.ProjectName, total, elapsed)
	for _, suite := range suites {
		w.BeginSuite(suite.Suite)
		for _, c := range suite.cases {
			w.Case(c)
		}
		if kept := s.passed[suite.p]; kept != nil {
			for cases := range s.spool.All(&kept.cases) {
				w.Raw(cases)
			}
		}
		w.EndSuite()
	}
	return w.End()
}

// suite is a testsuite with the testcases that did not pass.
type suite struct {
	Suite
	p     *result.Package
	cases []Case
}

func (s *suite) add(c Case) {
	s.cases = append(s.cases, c)
	s.Tests++
	switch c.Outcome {
	case Failure:
		s.Failures++
	case Error:
		s.Errors++
	case Skip:
		s.Skipped++
	}
}

func (s *Sink) suite(p *result.Package) suite {
	all := suite{p: p}
	all.Name = s.opts.SuiteName(p.Path)
	all.Time = p.Elapsed
	all.Timestamp = p.Started.Time()
	all.Tests = p.PassedTests
	if s.goVersion != "" {
		all.Properties = append(all.Properties, Property{Name: "go.version", Value: s.goVersion})
	}
	if p.Coverage != "" {
		percentage, _, _ := strings.Cut(strings.TrimPrefix(p.Coverage, "coverage: "), "%")
		all.Properties = append(all.Properties, Property{Name: "coverage.statements.pct", Value: percentage})
	}
	properties, errors := s.noted(p.Path)
	all.Properties = append(all.Properties, properties...)
	death := p.Death()
	if c, ok := s.packageError(p, death); ok {
		all.add(c)
	}
	for _, t := range p.Interrupted {
		c := s.testCase(t, Error)
		c.Type, c.Message = types[result.Interrupted], p.Interruption().After(t.Elapsed)
		all.add(c)
	}
	for _, t := range p.Failed {
		c := s.testCase(t, Failure)
		end, message := t.Why(death)
		c.Type, c.Message = types[end], message
		all.add(c)
	}
	for _, t := range p.Skipped {
		if !s.opts.HideSkippedTests {
			c := s.testCase(t, Skip)
			c.Message, c.Body = t.SkipMessage(), nil
			all.add(c)
		}
	}
	for _, c := range errors {
		all.add(c)
	}
	if kept := s.passed[p]; kept != nil {
		all.Properties = append(all.Properties, kept.properties...)
	}
	for _, t := range slices.Concat(p.Interrupted, p.Failed, p.Skipped) {
		all.Properties = appendAttrs(all.Properties, t)
	}
	return all
}

// types are the types of failures and errors.
var types = map[result.End]string{
	result.Failed: "failure", result.Raced: "race", result.Panicked: "panic", result.TimedOut: "timeout",
	result.Exited: "exit", result.Killed: "signal", result.BuildFailed: "build",
	result.Interrupted: "interrupted", result.NoEnd: "incomplete",
}

// packageError is the testcase for a package that did not fail by its tests.
func (s *Sink) packageError(p *result.Package, death result.Death) (Case, bool) {
	c := Case{ClassName: s.opts.ClassName(p.Path), Name: "TestMain", Time: p.Elapsed, Outcome: Error}
	c.Body = p.Explanation()
	end, message := death.End, death.Message
	switch without := len(p.Failed)+len(p.Interrupted) == 0; {
	case p.End() == result.Interrupted && len(p.Interrupted) == 0:
		end, message = result.Interrupted, "interrupted by "+p.Interruption().Reason
	case p.End() == result.NoEnd:
		end, message = result.NoEnd, "the package has no end"
	case p.TimedOut != "" && end == result.TimedOut:
	case p.End().Failed() && without:
	default:
		return c, false
	}
	c.Type, c.Message = types[end], message
	if end == result.BuildFailed {
		c.Name = "[build failed]"
	}
	return c, true
}

func (s *Sink) testCase(t *result.Test, o Outcome) Case {
	return Case{ClassName: s.opts.ClassName(t.Package.Path), Name: t.Name, Time: t.Elapsed, Outcome: o, Body: t.Output()}
}
