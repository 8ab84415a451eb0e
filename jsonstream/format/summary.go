package format

import (
	"fmt"
	"io"
	"time"

	"github.com/fatih/color"
	"gotest.tools/gotestsum/testjson"

	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// Summary writes what comes after the stream: testjson's sections, byte for byte,
// and more for what was interrupted and what failed in quarantine.
type Summary struct {
	sink.None
	Out   *sink.Screen
	Shows testjson.Summary // the sections; the last line is shown in any case
	// Unframed leaves out all lines of package testing: programs that read go
	// test -v from a pipe take them for more results.
	Unframed bool
	Errors   *result.Errors
	// Fold, unless nil, folds outputs.
	Fold *sink.Fold

	started time.Time
	failed  map[*result.Package]bool // by their latest end event
	refused bool
	folded  bool
	cover   result.Coverage
}

// NewSummary returns a Summary with these fields, of a stream that starts now.
func NewSummary(s Summary) *Summary {
	s.started, s.failed = time.Now(), make(map[*result.Package]bool)
	return &s
}

func (s *Summary) Needs() sink.Needs { return sink.Needs{Outputs: true} }

func (s *Summary) PackageEnded(p *result.Package) {
	switch end := p.End(); {
	case end == result.Passed:
		s.failed[p] = false
	case end.Failed():
		s.failed[p] = true
	}
}

func (s *Summary) Note(n result.Note) {
	switch n := n.(type) {
	case result.Refusal:
		s.refused = true
	case result.Coverage:
		s.cover = n
	}
}

// entry is a test of a section, or a package if there is no test to be named.
type entry struct {
	p       *result.Package
	t       *result.Test
	elapsed string
}

// name is the test's, "" for a package.
func (e entry) name() string {
	if e.t == nil {
		return ""
	}
	return e.t.Name
}

func (s *Summary) Close(r *result.Results) error {
	if s.refused {
		return nil
	}
	l := s.lists(r)
	if s.Shows.Includes(testjson.SummarizeSkipped) {
		s.section(color.YellowString("Skipped"), color.YellowString("SKIP"), l.skipped)
	}
	s.section(color.YellowString("In quarantine"), color.YellowString("QUARANTINED"), l.quarantined)
	if s.Shows.Includes(testjson.SummarizeFailed) {
		s.section(color.YellowString("Flaky"), color.YellowString("FLAKY"), l.flaky)
		s.section(color.RedString("Failed"), color.RedString("FAIL"), l.failed)
	}
	s.section(color.YellowString("Interrupted"), color.YellowString("INTERRUPTED"), l.interrupted)
	s.notRun(r)
	if s.Shows.Includes(testjson.SummarizeErrors) {
		s.errors()
	}
	if s.folded {
		s.Out.Command(s.Fold.End)
	}
	if s.cover != "" {
		fmt.Fprintf(s.Out, "\n%s", s.cover)
	}
	s.done(r, l)
	return nil
}

// notRun lists the packages that did not run, and the tests of others.
func (s *Summary) notRun(r *result.Results) {
	header := "\n=== " + color.YellowString("Not run") + "\n"
	list := func(p *result.Package, test string) {
		fmt.Fprintf(s.Out, "%s=== %s: %s %s (%s)\n", header, color.YellowString("NOT RUN"),
			testjson.RelativePackagePath(p.Path), test, p.Reason)
		header = ""
	}
	for _, p := range r.Packages() {
		if p.End() == result.NotRun {
			list(p, "")
			continue
		}
		for _, test := range p.Unreached {
			list(p, test)
		}
	}
}

// NextRound writes the last line, as testjson does between two rounds.
func (s *Summary) NextRound(r *result.Results) {
	s.Out.Newline()
	s.done(r, s.lists(r))
	fmt.Fprintln(s.Out)
}

// lists are the tests of each section.
type lists struct{ skipped, quarantined, flaky, failed, interrupted []entry }

func (s *Summary) lists(r *result.Results) lists {
	var l lists
	for _, p := range r.Packages() {
		for _, e := range entries(p, p.Skipped) {
			if e.t.End() == result.Quarantined {
				l.quarantined = append(l.quarantined, e)
			} else {
				l.skipped = append(l.skipped, e)
			}
		}
		if p.TimedOut != "" || s.failed[p] && len(p.Failed) == 0 {
			l.addFailed(entry{p, nil, seconds(0)}, p.Flaky())
		}
		for _, e := range entries(p, p.Failed) {
			l.addFailed(e, e.t.Flaky())
		}
		if p.End() == result.Interrupted && len(p.Interrupted) == 0 {
			l.interrupted = append(l.interrupted, entry{p, nil, seconds(p.Elapsed)})
		}
		l.interrupted = append(l.interrupted, entries(p, p.Interrupted)...)
	}
	return l
}

func (l *lists) addFailed(e entry, flaky bool) {
	if flaky {
		l.flaky = append(l.flaky, e)
	} else {
		l.failed = append(l.failed, e)
	}
}

// done writes the last line. Failures count attempts, as testjson does, and
// flaky tests are counted besides.
func (s *Summary) done(r *result.Results, l lists) {
	total, packages := 0, r.Packages()
	for _, p := range packages {
		total += p.Tests
	}
	elapsed, known := r.Elapsed()
	if !known || len(packages) == 0 {
		elapsed = time.Since(s.started)
	}
	cut := len(l.interrupted)
	for _, e := range l.interrupted {
		if e.t == nil {
			cut--
		}
	}
	runs := ""
	if n := r.Rounds(); n > 1 {
		runs = fmt.Sprintf(" %d runs,", n)
	}
	flaky := make(map[string]bool)
	for _, e := range l.flaky {
		flaky[e.p.Path+" "+e.name()] = true
	}
	fmt.Fprintf(s.Out, "\nDONE%s %d tests%s%s%s%s%s%s in %s\n", runs, total,
		count(len(l.skipped), "skipped", ""), count(len(l.quarantined), "quarantined", ""), count(len(l.failed)+len(l.flaky), "failure", "s"), count(len(flaky), "flaky", ""),
		count(s.Errors.Count(), "error", "s"), count(cut, "interrupted", ""), testjson.FormatDurationAsSeconds(elapsed, 3))
}

func entries(p *result.Package, tests []*result.Test) []entry {
	var all []entry
	for _, t := range tests {
		e := entry{p, t, seconds(t.Elapsed)}
		if t.NoEnd && t.End() != result.Interrupted {
			e.elapsed = "unknown"
		}
		all = append(all, e)
	}
	return all
}

// count is a part of the last line, with the plural's ending.
func count(n int, what, plural string) string {
	switch n {
	case 0:
		return ""
	case 1:
		plural = ""
	}
	return fmt.Sprintf(", %d %s%s", n, what, plural)
}

// section writes a list of tests with their output.
func (s *Summary) section(header, prefix string, entries []entry) {
	if len(entries) == 0 {
		return
	}
	fmt.Fprintln(s.Out, "\n=== "+header)
	for i, e := range entries {
		title := fmt.Sprintf("=== %s: %s %s%s (%s)\n", prefix,
			testjson.RelativePackagePath(e.p.Path), e.name(), e.p.RunID(), e.elapsed)
		folds := s.Fold != nil && s.Shows.Includes(testjson.SummarizeOutput)
		if folds {
			s.folded = true
			s.Out.Command(s.Fold.Open(title))
		} else {
			io.WriteString(s.Out, title)
		}
		if s.Shows.Includes(testjson.SummarizeOutput) {
			if !s.output(e, e.name()) && e.t != nil && e.t.NoEnd && e.t.Flaky() {
				_, why := e.t.Why(e.p.Death())
				fmt.Fprintln(s.Out, "    "+why)
			}
			if folds {
				s.Out.Command(s.Fold.Close())
			}
			if i+1 < len(entries) {
				fmt.Fprintln(s.Out)
			}
		}
	}
}

func seconds(d time.Duration) string { return testjson.FormatDurationAsSeconds(d, 2) }

// output writes what a test printed, or a package, without the lines that frame
// it. It reports whether there was any.
func (s *Summary) output(e entry, name string) (any bool) {
	output := e.p.Output()
	if e.t != nil {
		output = e.t.Output()
	}
	for line := range output {
		if !result.Framing(line, name) && !(s.Unframed && result.LooksFramed(line)) {
			any = true
			s.Out.Write(line)
		}
	}
	return any
}

// errors writes what compilers said and what go wrote to standard error.
func (s *Summary) errors() {
	header := color.MagentaString("\n=== Errors") + "\n"
	for line := range s.Errors.All() {
		io.WriteString(s.Out, header)
		header = ""
		s.Out.Write(line)
		s.Out.Write([]byte{'\n'})
	}
}
