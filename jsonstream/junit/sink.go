package junit

import (
	"slices"
	"strings"
	"time"

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
	later     map[[2]string]time.Duration // how long tests took that passed when they ran again, by package and test
	notes     map[string][]result.Note    // by package
	goVersion string
	scratch   []byte
}

// passed is what is kept of a package's passed tests.
type passed struct {
	className  string
	count      int
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
	return &Sink{
		opts: opts, spool: sp, passed: make(map[*result.Package]*passed), later: make(map[[2]string]time.Duration),
		notes: make(map[string][]result.Note),
	}
}

func (s *Sink) Needs() sink.Needs { return sink.Needs{Passed: true, Outputs: true} }

// TestEnded keeps the testcase of a test that passed, and its attributes. A test
// that has run before has one already, or gets it for its failures.
func (s *Sink) TestEnded(t *result.Test) {
	if t.End() != result.Passed {
		return
	}
	if t.Package.IsRerun() && t.Repeats() {
		s.later[[2]string{t.Package.Path, t.Name}] = t.Elapsed
		return
	}
	kept := s.passed[t.Package]
	if kept == nil {
		kept = &passed{className: s.opts.ClassName(t.Package.Path)}
		s.passed[t.Package] = kept
	}
	s.scratch = AppendPassed(s.scratch[:0], kept.className, t.Name, t.Elapsed)
	s.spool.Add(&kept.cases, event.Text{Raw: s.scratch})
	kept.count++
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
		if p.IsRerun() {
			continue // is in the suite of the first run
		}
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
		for p := range suite.p.Runs() {
			if kept := s.passed[p]; kept != nil {
				for cases := range s.spool.All(&kept.cases) {
					w.Raw(cases)
				}
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
	all.Timestamp = p.Started.Time()
	if s.goVersion != "" {
		all.Properties = append(all.Properties, Property{Name: "go.version", Value: s.goVersion})
	}
	if p.Coverage != "" {
		percentage, _, _ := strings.Cut(strings.TrimPrefix(p.Coverage, "coverage: "), "%")
		all.Properties = append(all.Properties, Property{Name: "coverage.statements.pct", Value: percentage})
	}
	properties, errors := s.noted(p.Path)
	all.Properties = append(all.Properties, properties...)
	firstFailures := make(map[string]*failure)
	for run := range p.Runs() {
		all.Time += run.Elapsed
		s.addRun(&all, run, firstFailures)
	}
	for _, c := range errors {
		all.add(c)
	}
	for run := range p.Runs() {
		if kept := s.passed[run]; kept != nil {
			all.Tests += kept.count
			all.Properties = append(all.Properties, kept.properties...)
		}
		for _, t := range slices.Concat(run.Interrupted, run.Failed, run.Skipped) {
			all.Properties = appendAttrs(all.Properties, t)
		}
	}
	return all
}

// failure is where the testcase of a failed test is: later rounds add to it.
type failure struct {
	round int // of its first failure
	at    int // in suite.cases
	flaky bool
}

// addRun adds the testcases of a run that did not pass.
func (s *Sink) addRun(all *suite, p *result.Package, known map[string]*failure) {
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
		s.addFailure(all, t, death, known)
	}
	for _, name := range p.Unreached {
		all.add(Case{ClassName: s.opts.ClassName(p.Path), Name: name, Outcome: Skip, Message: notRun + p.Reason})
	}
	for _, t := range p.Skipped {
		if s.opts.HideSkippedTests || t.Repeats() {
			continue
		}
		c := s.testCase(t, Skip)
		c.Message, c.Body = t.SkipMessage(), nil
		all.add(c)
	}
}

// addFailure adds a testcase for a test that failed, or another attempt to that
// of an earlier round. A test that is flaky has one that passes.
func (s *Sink) addFailure(all *suite, t *result.Test, death result.Death, known map[string]*failure) {
	c := s.testCase(t, Failure)
	end, message := t.Why(death)
	c.Type, c.Message = types[end], message
	before := known[t.Name]
	switch {
	case before != nil && (before.flaky || before.round < t.Package.Round):
	case t.Flaky():
		before = &failure{t.Package.Round, len(all.cases), true}
		known[t.Name] = before
		all.add(Case{ClassName: c.ClassName, Name: c.Name, Time: s.later[[2]string{t.Package.Path, t.Name}]})
	default:
		known[t.Name] = &failure{t.Package.Round, len(all.cases), false}
		all.add(c)
		return
	}
	of := &all.cases[before.at]
	of.Attempts = append(of.Attempts, Attempt{c.Type, c.Message, c.Body})
}

// notRun starts the message of a test that did not run, before the reason.
const notRun = "not run: "

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
	case p.End() == result.NotRun && len(p.Unreached) == 0:
		c.Name, c.Outcome, c.Message, c.Body = "[not run]", Skip, notRun+p.Reason, nil
		return c, true
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
	if p.Flaky() {
		c.Attempts = []Attempt{{c.Type, c.Message, c.Body}}
		c.Outcome, c.Body = Pass, nil
	}
	return c, true
}

func (s *Sink) testCase(t *result.Test, o Outcome) Case {
	return Case{ClassName: s.opts.ClassName(t.Package.Path), Name: t.Name, Time: t.Elapsed, Outcome: o, Body: t.Output()}
}
