package jsonstream

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fatih/color"
	"gotest.tools/gotestsum/testjson"
)

func sortByID(cases []testjson.TestCase) {
	slices.SortFunc(cases, func(a, b testjson.TestCase) int { return a.ID - b.ID })
}

// summary writes what comes after the stream. The sections are testjson's, with
// outputs from the spool, and one more for what was interrupted.
type summary struct {
	w         io.Writer
	shows     testjson.Summary
	exec      *testjson.Execution
	assembler *assembler
	errors    *errorLog
	// unframed leaves out all lines of package testing: programs that read go
	// test -v from a pipe take them for more results.
	unframed bool
}

func (s *summary) print() {
	if s.shows.Includes(testjson.SummarizeSkipped) {
		s.section(color.YellowString("Skipped"), color.YellowString("SKIP"), s.exec.Skipped())
	}
	if s.shows.Includes(testjson.SummarizeFailed) {
		s.section(color.RedString("Failed"), color.RedString("FAIL"), s.exec.Failed())
	}
	interrupted := s.interrupted()
	if s.shows.Includes(testjson.SummarizeErrors) {
		s.errors.print(s.w)
	}
	s.done(interrupted)
}

// section writes a list of tests with their output.
func (s *summary) section(header, prefix string, cases []testjson.TestCase) {
	if len(cases) == 0 {
		return
	}
	fmt.Fprintln(s.w, "\n=== "+header)
	for i, tc := range cases {
		p := s.assembler.shown(tc.Package)
		t := p.byID[tc.ID]
		name := tc.Test.Name()
		if t != nil {
			name = t.name
		}
		s.head(prefix, p.path, name, testjson.FormatDurationAsSeconds(tc.Elapsed, 2))
		s.output(p, t, i+1 == len(cases))
	}
}

func (s *summary) head(prefix, pkg, test, elapsed string) {
	fmt.Fprintf(s.w, "=== %s: %s %s (%s)\n", prefix, testjson.RelativePackagePath(pkg), test, elapsed)
}

// output writes what a test printed, or a package if the test is nil.
func (s *summary) output(p *pkg, t *test, last bool) {
	if !s.shows.Includes(testjson.SummarizeOutput) {
		return
	}
	if t == nil {
		s.assembler.spool.each(&p.out, func(out []byte) { s.line(out, "") })
	} else {
		s.assembler.outputs(t, func(out []byte) { s.line(out, t.name) })
	}
	if !last {
		fmt.Fprintln(s.w)
	}
}

// line writes a line of a test's output, unless it frames it.
func (s *summary) line(out []byte, test string) {
	if !framing(out, test) && !(s.unframed && looksFramed(out)) {
		s.w.Write(out)
	}
}

// interrupted writes what was running when the run was interrupted and returns
// how many tests that were.
func (s *summary) interrupted() int {
	type entry struct {
		p *pkg
		t *test
	}
	var entries []entry
	n := 0
	for _, p := range s.assembler.sorted() {
		if p.state == pkgInterrupted && len(p.interrupted) == 0 {
			entries = append(entries, entry{p: p})
		}
		for _, t := range p.interrupted {
			entries = append(entries, entry{p, t})
			n++
		}
	}
	if len(entries) == 0 {
		return 0
	}
	fmt.Fprintln(s.w, "\n=== "+color.YellowString("Interrupted"))
	for i, e := range entries {
		name, elapsed := "", e.p.elapsed
		if e.t != nil {
			name, elapsed = e.t.name, e.t.elapsed
		}
		s.head(color.YellowString("INTERRUPTED"), e.p.path, name, testjson.FormatDurationAsSeconds(elapsed, 2))
		s.output(e.p, e.t, i+1 == len(entries))
	}
	return n
}

// done writes the last line, testjson's with the interrupted tests put in.
func (s *summary) done(interrupted int) {
	var line bytes.Buffer
	testjson.PrintSummary(&line, s.exec, testjson.SummarizeNone)
	text := line.String()
	if i := strings.LastIndex(text, " in "); i >= 0 && interrupted > 0 {
		text = fmt.Sprintf("%s, %d interrupted%s", text[:i], interrupted, text[i:])
	}
	io.WriteString(s.w, text)
}
