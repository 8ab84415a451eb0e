package junit

import (
	"cmp"
	"slices"
	"strconv"
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
	limit     int64 // of a test's output, negative for none
	spool     *spool.Spool
	passed    map[*result.Package]*passed
	later     map[[2]string]Run        // how tests passed when they ran again, by package and test
	notes     map[string][]result.Note // by package
	goVersion string
	shown     int64 // what passed tests printed and the report has
	scratch   []byte
}

// passed is what is kept of a package's passed tests.
type passed struct {
	className  string
	count      int
	time       time.Duration // of root tests
	cases      spool.Buffer
	properties []Property // of the suite
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
		opts: opts, limit: opts.limit(), spool: sp, passed: make(map[*result.Package]*passed), later: make(map[[2]string]Run),
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
		s.later[[2]string{t.Package.Path, t.Name}] = Run{Time: t.Elapsed, Started: t.Started().Time()}
		return
	}
	kept := s.passed[t.Package]
	if kept == nil {
		kept = &passed{className: s.className(t.Package)}
		s.passed[t.Package] = kept
	}
	c := s.testCase(t, Pass)
	c.ClassName = kept.className
	c.Out = s.out(t, false)
	s.scratch = AppendKept(s.scratch[:0], c, s.opts.Schema)
	s.spool.Add(&kept.cases, event.Text{Raw: s.scratch})
	kept.count++
	if isRoot(t) {
		kept.time += t.Elapsed
	}
	kept.properties = s.appendAttrs(kept.properties, t)
}

func isRoot(t *result.Test) bool { return !strings.Contains(t.Name, "/") }

// appendAttrs makes properties of a suite from a test's attributes, if the schema
// has none for testcases.
func (s *Sink) appendAttrs(properties []Property, t *result.Test) []Property {
	if s.opts.Schema != Strict {
		return properties
	}
	for _, a := range t.Attrs {
		properties = append(properties, Property{Name: t.Name + "." + a.Key, Value: a.Value})
	}
	return properties
}

// Close writes the report.
func (s *Sink) Close(r *result.Results) error {
	if len(s.opts.Properties) > 0 && r.Interruption() != nil {
		s.opts.Properties = append(s.opts.Properties, s.opts.Interrupted)
	}
	var suites []suite
	var total Counts
	var sum time.Duration
	var started time.Time
	var bodies []Body
	for _, p := range r.Packages() {
		if p.IsRerun() {
			continue // is in the suite of the first run
		}
		suite := s.suite(p)
		if s.opts.HideEmptyPackages && suite.Tests == 0 {
			continue
		}
		suites = append(suites, suite)
		bodies = suite.appendBodies(bodies)
		total.Tests += suite.Tests
		total.Failures += suite.Failures
		total.Errors += suite.Errors
		total.Skipped += suite.Skipped
		sum += suite.Time
		if at := suite.Timestamp; !at.IsZero() && (started.IsZero() || at.Before(started)) {
			started = suite.Timestamp
		}
	}
	if len(suites) == 0 && len(s.opts.Properties) > 0 {
		suites = append(suites, suite{Suite: Suite{Name: "pgtest", Properties: s.opts.Properties}})
	}
	if s.opts.Schema == Strict {
		sum, _ = r.Elapsed()
	}
	limit := s.limit
	if limit >= 0 {
		limit = fit(bodies, limit, roomForFailed)
	}
	w := NewWriter(s.opts.Out, s.opts.Schema, limit)
	w.Begin(s.opts.ProjectName, total, sum, started)
	for _, suite := range suites {
		w.BeginSuite(suite.Suite)
		for _, c := range suite.cases {
			w.Case(c)
		}
		for p := range suite.p.Runs() {
			if kept := s.passed[p]; kept != nil {
				for c := range s.spool.All(&kept.cases) {
					w.Kept(c, suite.leaks.of(c))
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
	roots time.Duration // the time of root tests
	leaks leaks
	names map[string]int // how many cases have each; nil if they may be the same
}

func (s *suite) add(c Case) {
	if s.names != nil {
		s.names[c.Name]++
		if n := s.names[c.Name]; n > 1 {
			c.Name = numbered(c.Name, n)
		}
	}
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

// appendBodies appends what failed runs printed.
func (s *suite) appendBodies(bodies []Body) []Body {
	for _, c := range s.cases {
		for _, run := range append([]Run{c.Run}, c.Attempts...) {
			if run.Body.Size > 0 {
				bodies = append(bodies, run.Body)
			}
		}
	}
	return bodies
}

func (s *Sink) suite(p *result.Package) suite {
	all := suite{p: p}
	all.Name = s.opts.SuiteName(p.Path)
	if s.opts.Schema != Strict {
		all.Name = short(all.Name)
		all.leaks, all.names = s.leaksOf(p.Path), make(map[string]int)
	}
	all.Timestamp = p.Started.Time()
	if s.goVersion != "" {
		all.Properties = append(all.Properties, Property{Name: "go.version", Value: s.goVersion})
	}
	if p.Coverage != "" {
		percentage, _, _ := strings.Cut(strings.TrimPrefix(p.Coverage, "coverage: "), "%")
		all.Properties = append(all.Properties, Property{Name: "coverage.statements.pct", Value: percentage})
	}
	properties, errors := s.noted(p)
	all.Properties = append(all.Properties, properties...)
	all.Properties = append(all.Properties, s.opts.Properties...)
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
			all.roots += kept.time
			all.Properties = append(all.Properties, kept.properties...)
		}
		for _, t := range slices.Concat(run.Interrupted, run.Failed, run.Skipped) {
			all.Properties = s.appendAttrs(all.Properties, t)
		}
	}
	if s.opts.Schema != Strict {
		all.Time = max(all.Time, all.roots) // tests ran in parallel, or the result is go's
		all.numberAttempts()
	}
	return all
}

// numberAttempts says of tests that ran again which attempt it was that counts.
func (s *suite) numberAttempts() {
	for i, c := range s.cases {
		if len(c.Attempts) > 0 {
			n := strconv.Itoa(len(c.Attempts) + 1)
			s.cases[i].Properties = append(c.Properties, Property{"pgtest.attempt", n})
		}
	}
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
		all.addTest(c, t)
	}
	for _, t := range p.Failed {
		s.addFailure(all, t, death, known)
	}
	for _, name := range p.Unreached {
		c := s.notRun(p, name)
		if s.opts.Places != nil && s.opts.Schema != Strict {
			c.Test = s.opts.Places.Test(p.Path, name)
		}
		all.add(c)
	}
	for _, t := range p.Skipped {
		if s.opts.HideSkippedTests || t.Repeats() {
			continue
		}
		c := s.testCase(t, Skip)
		c.Message, c.Body = t.SkipMessage(), Body{}
		c.Out = s.out(t, false)
		all.addTest(c, t)
	}
}

// addTest adds the testcase of a test.
func (s *suite) addTest(c Case, t *result.Test) {
	if isRoot(t) {
		s.roots += c.Time
	}
	c.Properties = append(c.Properties, s.leaks.properties(t.Name)...)
	s.add(c)
}

// addFailure adds a testcase for a test that failed, or another attempt to that
// of an earlier round. A test that is flaky has one that passes.
func (s *Sink) addFailure(all *suite, t *result.Test, death result.Death, known map[string]*failure) {
	c := s.testCase(t, Failure)
	end, message := t.Why(death)
	c.Type, c.Message = types[end], message
	if limit := s.timeout(t); limit != "" && s.opts.Schema != Strict {
		c.Type, c.Message = types[result.TimedOut], limit
	}
	before := known[t.Name]
	switch {
	case before != nil && (before.flaky || before.round < t.Package.Round):
	case t.Flaky():
		before = &failure{t.Package.Round, len(all.cases), true}
		known[t.Name] = before
		passes := c
		passes.Outcome, passes.Run, passes.Out = Pass, s.later[[2]string{t.Package.Path, t.Name}], nil
		all.addTest(passes, t)
	default:
		known[t.Name] = &failure{t.Package.Round, len(all.cases), false}
		if s.opts.Schema != Strict && t.Earlier == 0 && t.Repeats() {
			c.Name = numbered(c.Name, t.Package.Round+1) // it passed before
		}
		all.addTest(c, t)
		return
	}
	of := &all.cases[before.at]
	of.Attempts = append(of.Attempts, c.Run)
	of.Out = append(of.Out, c.Out...)
}

// notRun is the testcase of what did not run.
func (s *Sink) notRun(p *result.Package, name string) Case {
	c := Case{ClassName: s.className(p), Name: name, Outcome: Skip, Run: Run{Message: "not run: " + p.Reason}}
	if s.opts.Schema != Strict {
		c.Type = string(result.NotRun)
	}
	return c
}

// types are the types of failures and errors.
var types = map[result.End]string{
	result.Failed: "failure", result.Raced: "race", result.Panicked: "panic", result.TimedOut: "timeout",
	result.Exited: "exit", result.Killed: "signal", result.BuildFailed: "build",
	result.Interrupted: "interrupted", result.NoEnd: "incomplete",
}

// packageError is the testcase for a package that did not fail by its tests.
func (s *Sink) packageError(p *result.Package, death result.Death) (Case, bool) {
	c := Case{ClassName: s.className(p), Name: "TestMain", Outcome: Error}
	c.Run = Run{Time: p.Elapsed, Started: p.Started.Time()}
	if s.opts.Output != NoOutput {
		c.Body = Body{p.Explanation(), p.ExplanationSize()}
	}
	end, message := death.End, death.Message
	switch without := len(p.Failed)+len(p.Interrupted) == 0; {
	case p.End() == result.NotRun && len(p.Unreached) == 0:
		return s.notRun(p, "[not run]"), true
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
	switch {
	case s.opts.Schema != Strict:
		c.At = sink.First(s.opts.Places, cmp.Or(p.FailedBuild, p.Path), p.Positions())
		if strings.Contains(message, "[build failed]") {
			// So gotestsum writes it, and Buildkite knows it by that.
			c.ClassName, c.Outcome = "", Failure
		}
	case end == result.BuildFailed:
		c.Name = "[build failed]"
	}
	if p.Flaky() {
		c.Attempts = []Run{c.Run}
		c.Outcome, c.Body, c.At = Pass, Body{}, sink.Place{}
	}
	return c, true
}

// testCase is the testcase of a test, with what it printed if it did not pass.
func (s *Sink) testCase(t *result.Test, o Outcome) Case {
	c := Case{ClassName: s.className(t.Package), Name: t.Name, Outcome: o, Run: Run{Time: t.Elapsed}}
	if o != Pass && s.opts.Output != NoOutput {
		c.Body = Body{t.Output(), t.OutputSize()}
	}
	if s.opts.Schema == Strict {
		return c
	}
	c.Name, c.Started = caseName(t), t.Started().Time()
	if s.opts.Places != nil {
		c.Test = s.opts.Places.Test(t.Package.Path, t.Name)
	}
	if o == Failure || o == Error {
		c.At = sink.First(s.opts.Places, t.Package.Path, t.Positions())
		c.Out = s.out(t, true)
	}
	c.Properties = properties(t, c.Name)
	return c
}

// properties are those of a test's case.
func properties(t *result.Test, name string) []Property {
	var all []Property
	for _, a := range t.Attrs {
		all = append(all, Property{a.Key, a.Value})
		if !strings.HasPrefix(a.Key, "dd_tags[") {
			all = append(all, Property{"dd_tags[" + a.Key + "]", a.Value}) // for Datadog
		}
	}
	if seed := t.Package.Seed(); seed != "" {
		all = append(all, Property{"pgtest.seed", seed})
	}
	if t.Artifacts != "" {
		all = append(all, Property{"pgtest.artifacts", t.Artifacts})
	}
	if t.Earlier == 0 && name != t.Name {
		all = append(all, Property{"pgtest.name", t.Name})
	}
	return all
}

// className is the class name of a package's testcases.
func (s *Sink) className(p *result.Package) string {
	name := s.opts.ClassName(p.Path)
	if s.opts.Schema != Strict {
		name = short(name)
	}
	return name
}
