//go:build unix

package pertest

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"pgtest/harness/internal/testproc"
	"pgtest/harness/internal/testtext"
)

// A part is a section of the output of a test's process.
type part int

const (
	setup    part = iota // before the tests: TestMain's
	body                 // a test runs
	verdict              // a test's report, and what follows it
	teardown             // after the process's own PASS or FAIL: TestMain's
)

// A framer turns the output of the process of one test into what the test would
// have printed as one of many in a process. Only one goroutine may write to it.
//
//	part       kept back until                       ends at
//	setup      the end of it; if it is the same      the first line "=== RUN",
//	           in each process it is shown once      PASS or FAIL
//	body       not at all                            the test's report
//	verdict    the end of the process                PASS or FAIL, or "=== RUN"
//	teardown   as setup                              "=== RUN", of a TestMain
//	                                                 that runs the tests again
//
// The process of the tests that are not listed may have none, or several.
type framer struct {
	marks       testtext.Marks
	out         *section
	test        *test
	header      string // comes before the first test
	alarm       string // the -timeout of the process
	asked       string // the -timeout of all of them
	failOnLeaks bool
	alone       bool // no test has a process of its own
	runs        func(test string)
	subtest     func(test string, runs bool) // it goes on, or waits or ends
	ends        func(test string)

	part  part
	line  []byte // the beginning of a line
	kept  [4]bytes.Buffer
	began map[string]bool // the top-level tests that ran, true for failed
	ended bool            // package testing has said so
	none  bool            // package testing has found no test to run
	bad   bool            // something failed that no test's report says
	other string          // a test that is not this process's

	coverage string // package testing's line; only the last process's is final
	silent   bool   // package testing ran, but TestMain took -test.v away
}

// Write never fails.
func (f *framer) Write(b []byte) (int, error) {
	f.line = append(f.line, b...)
	rest := f.marks.Units(f.line, f.unit)
	if n := f.marks.Whole(rest); n > 0 && rest[0] != testtext.Marker[0] && f.part == body {
		f.text(rest[:n])
		rest = rest[n:]
	}
	f.line = append(f.line[:0], rest...)
	return len(b), nil
}

func (f *framer) unit(u []byte) {
	if u[0] == testtext.Marker[0] && f.frame(strings.TrimSuffix(string(u[1:]), "\n")) {
		return
	}
	if f.part != body {
		if text, ok := bytes.CutSuffix(u, []byte(testtext.NoTests)); ok {
			f.none = true // there may be others
			u = text      // of TestMain's, without a newline
		}
	}
	if f.alarm != "" && string(u) == testtext.TimedOut+f.alarm+"\n" {
		u = []byte(testtext.TimedOut + f.asked + "\n")
	}
	f.text(u)
}

// frame takes a line of package testing. It reports whether the line is to be
// dropped.
func (f *framer) frame(text string) bool {
	switch line := testtext.ParseLine(text); line.Kind {
	case testtext.Run:
		f.turnToBody(line.Test)
		f.out.begin(line.Test)
		if isTopLevel(line.Test) {
			f.runs(line.Test)
		} else {
			f.subtest(line.Test, true)
		}
	case testtext.Name, testtext.Continue:
		f.out.turnTo(line.Test)
		if line.Kind == testtext.Continue && !isTopLevel(line.Test) {
			f.subtest(line.Test, true)
		}
	case testtext.Pause:
		if !isTopLevel(line.Test) {
			f.subtest(line.Test, false)
		}
	case testtext.Report:
		f.out.end(line.Test)
		if isTopLevel(line.Test) {
			f.report(line.Test, line.Verdict == testtext.Fail)
		} else {
			f.subtest(line.Test, false)
		}
	case testtext.End:
		if f.part == body {
			return false
		}
		if f.part == setup {
			f.endSetup()
		}
		f.part, f.ended = teardown, true
		return true
	}
	return false
}

func isTopLevel(name string) bool { return !strings.Contains(name, "/") }

func (f *framer) turnToBody(name string) {
	switch f.part {
	case body: // a subtest, or one beside it
		return
	case setup:
		f.endSetup()
	default:
		f.flush(verdict)
		f.flush(teardown)
	}
	f.part = body
	if !f.test.isRest() && name != f.test.name {
		f.other = name
	}
}

func (f *framer) report(name string, failed bool) {
	if f.began == nil {
		f.began = make(map[string]bool)
	}
	f.began[name] = failed // the last one of a name counts, if TestMain tries again
	f.ends(name)
	if name == f.test.name || f.test.isRest() && len(f.out.running()) == 0 {
		f.part = verdict
	}
}

// endSetup passes on what TestMain printed before the tests.
func (f *framer) endSetup() {
	f.out.begins(f.kept[setup].String())
	f.kept[setup].Reset()
	f.out.Write([]byte(f.header))
}

func (f *framer) flush(p part) {
	if f.kept[p].Len() > 0 {
		f.out.Write(f.kept[p].Bytes())
		f.kept[p].Reset()
	}
}

// maxKept bounds what is kept of a part. Beyond it output is written at once.
const maxKept = 1 << 20

func (f *framer) text(b []byte) {
	kept := &f.kept[f.part]
	if f.part != body && kept.Len()+len(b) <= maxKept {
		kept.Write(b)
		return
	}
	f.flush(verdict)
	f.flush(f.part)
	f.out.Write(b)
}

// failed reports whether any test of the process failed, or the process did.
func (f *framer) failed() bool {
	for _, failed := range f.began {
		if failed {
			return true
		}
	}
	return f.bad
}

// finish writes what is left, with the end of the process. It returns what
// TestMain printed after the tests, which belongs at the end of the output.
func (f *framer) finish(e testproc.State) string {
	if len(f.line) > 0 {
		f.text(f.line)
		f.line = nil
	}
	f.silent = f.part == setup && ranUnseen(f.kept[setup].String())
	f.flush(setup)
	if f.part == body {
		f.endOpen(e)
	}
	f.blameLeaks(e)
	f.flush(verdict)
	ending := f.kept[teardown].String()
	if testtext.IsCoverage(ending) { // package testing's own line, before what TestMain prints
		f.coverage, ending, _ = strings.Cut(ending, "\n")
	}
	complaint := f.complaint(e)
	if complaint == "" {
		return ending
	}
	f.out.Write([]byte(ending))
	f.note("", "pgtest: "+complaint)
	f.bad = true
	return ""
}

// ranUnseen reports whether package testing ran without framing, because
// TestMain took -test.v away.
func ranUnseen(text string) bool {
	for line := range strings.Lines(text) {
		if line == "PASS\n" || line == "FAIL\n" {
			return true
		}
	}
	return false
}

// complaint describes a failure of the process that no test's report shows, or
// returns "".
func (f *framer) complaint(e testproc.State) string {
	switch title := f.test.title(); {
	case e.Interrupted:
		return ""
	case f.other != "":
		return fmt.Sprintf("%s ran in the process of %s, too: TestMain does not heed -test.run", f.other, title)
	case len(f.began) == 0 && f.silent && !e.Bad():
		return ""
	case len(f.began) == 0 && f.part != body && f.alone:
		return "" // its end is the package's
	case len(f.began) == 0 && f.part != body && (e.Bad() || !f.none):
		return fmt.Sprintf("%s did not begin: %s", title, e.How())
	case f.failed():
		return ""
	case e.Bad():
		return fmt.Sprintf("after the end of %s: %s", title, e.How())
	case !f.ended:
		return fmt.Sprintf("%s ended before package testing was done: %s", title, e.How())
	case len(e.Leaks) > 0 && f.failOnLeaks:
		return fmt.Sprintf("leaked processes: %d", len(e.Leaks))
	}
	return ""
}

// endOpen reports the tests that were running when the process ended, inner
// ones first. If the run was asked to end, it reports none: the process was
// ended with the run.
func (f *framer) endOpen(e testproc.State) {
	if e.Interrupted {
		return
	}
	open := f.out.running()
	culprit := f.test.name
	if f.test.isRest() && len(open) > 0 {
		culprit = open[0].name
	}
	f.note(culprit, "    pgtest: "+e.How())
	for _, t := range slices.Backward(open) {
		io.WriteString(f.out, testtext.ReportLine(testtext.Fail, t.name, max(0, e.At.Sub(t.began).Seconds())))
		f.out.end(t.name)
		if isTopLevel(t.name) {
			f.report(t.name, true)
		}
	}
	f.bad = true
	io.WriteString(f.out, testtext.NameLine(""))
}

// blameLeaks makes a test fail if its process left others behind.
func (f *framer) blameLeaks(e testproc.State) {
	if len(e.Leaks) == 0 || !f.failOnLeaks || f.failed() || f.test.isRest() || f.kept[verdict].Len() == 0 {
		return
	}
	f.note(f.test.name, fmt.Sprintf("    pgtest: leaked processes: %d", len(e.Leaks)))
	report := bytes.Replace(f.kept[verdict].Bytes(), []byte("--- PASS: "), []byte("--- FAIL: "), 1)
	f.kept[verdict] = *bytes.NewBuffer(report)
	f.bad = true
}

func (f *framer) note(test, line string) {
	io.WriteString(f.out, testtext.NameLine(test)+line+"\n")
}
