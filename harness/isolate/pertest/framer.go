//go:build unix

package pertest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgtest/harness/isolate/internal/framing"
)

// noTests is what package testing prints if it has run nothing. The go command looks for it.
const noTests = "testing: warning: no tests to run\n"

// A part is a part of the output of a test's process.
type part int

const (
	setup    part = iota // before the test: TestMain's
	body                 // the test
	verdict              // the test's report, and what follows it
	teardown             // after the process's own PASS or FAIL: TestMain's
)

// A framer takes the output of the process of one test and leaves what it would have printed had it been one of many
// tests in a process. It is a writer for one goroutine.
//
//	part       kept back until                       ends at
//	setup      the end of it; if it is the same      the first line "=== RUN"
//	           in each process it is dropped
//	body       not at all                            the test's report
//	verdict    the end of the process                PASS or FAIL
//	teardown   as setup
type framer struct {
	out     *section
	test    string
	chatter string // what TestMain prints in each process
	header  string // comes before the test
	first   bool   // in the output
	last    bool   // in the output: the caller writes the teardown

	part part
	line []byte // the beginning of a line
	mid  bool   // the beginning of the line has been handed on
	kept [4]bytes.Buffer
	fail bool // the test's report said so
	none bool // package testing does not count it as run: -run leaves out all its subtests
}

// Write never fails.
func (f *framer) Write(b []byte) (int, error) {
	f.line = append(f.line, b...)
	rest := f.line
	for {
		n := framing.UnitEnd(rest)
		if n == 0 {
			break
		}
		f.unit(rest[:n])
		rest = rest[n:]
	}
	if len(rest) > 0 && rest[0] != framing.Marker[0] && f.part == body {
		f.text(rest)
		f.mid, rest = true, nil
	}
	f.line = append(f.line[:0], rest...)
	return len(b), nil
}

// unit takes one unit.
func (f *framer) unit(u []byte) {
	if u[0] == framing.Marker[0] && f.frame(strings.TrimSuffix(string(u[1:]), "\n")) {
		return
	}
	if f.part != body && string(u) == noTests {
		f.none = true // there may be others
		return
	}
	f.text(u)
}

// frame takes a line of package testing, and reports whether there is nothing more to do with it.
func (f *framer) frame(line string) bool {
	switch {
	case strings.HasPrefix(line, "=== RUN   "):
		if f.part == setup {
			f.begin()
		}
		f.out.begin(line[len("=== RUN   "):])
	case strings.HasPrefix(line, "=== NAME  "), strings.HasPrefix(line, "=== CONT  "):
		f.out.turnTo(line[len("=== NAME  "):])
	case strings.HasPrefix(line, "--- "):
		word, rest, _ := strings.Cut(line[len("--- "):], ": ")
		name, _, _ := strings.Cut(rest, " (")
		f.out.end(name)
		if name == f.test {
			f.part, f.fail = verdict, word == "FAIL"
		}
	case line == "PASS", line == "FAIL":
		f.part = teardown
		return true
	}
	return false
}

// begin ends the setup.
func (f *framer) begin() {
	if text := f.kept[setup].String(); f.first || !strings.HasPrefix(f.chatter, text) {
		f.out.Write([]byte(text + f.header))
	}
	f.kept[setup].Reset()
	f.part = body
}

// maxKept bounds what is kept of a part.
const maxKept = 4 << 20

func (f *framer) text(b []byte) {
	if f.part == body {
		f.out.Write(b)
		return
	}
	if kept := &f.kept[f.part]; kept.Len() < maxKept {
		kept.Write(b)
	}
}

// finish writes what is left, with the end of the process.
func (f *framer) finish(e ending) {
	if len(f.line) > 0 {
		f.text(f.line)
		f.line = nil
	}
	if f.part == setup {
		f.out.Write(f.kept[setup].Bytes())
		f.note("", fmt.Sprintf("pgtest: %s did not begin: %s", f.test, e.how()))
		return
	}
	if f.part == body {
		f.endOpen(e)
	}
	report := f.kept[verdict].Bytes()
	if len(e.leaks) > 0 && e.failOnLeaks && !f.fail {
		f.note(f.test, fmt.Sprintf("    pgtest: leaked processes: %d", len(e.leaks)))
		report = bytes.Replace(report, []byte("--- PASS: "), []byte("--- FAIL: "), 1)
		f.fail = true
	}
	f.out.Write(report)
	f.finishTeardown(e)
}

// endOpen reports the tests that were running when the process ended, inner ones first. If the run was told to end,
// the process was too, and the tests have no end.
func (f *framer) endOpen(e ending) {
	if e.interrupted {
		return
	}
	f.note(f.test, "    pgtest: "+e.how())
	for _, t := range slices.Backward(f.out.running()) {
		var d time.Duration
		if t.name == f.test {
			d = e.elapsed
		}
		fmt.Fprintf(f.out, "%s--- FAIL: %s (%.2fs)\n", framing.Marker, t.name, d.Seconds())
	}
	f.fail = true
	fmt.Fprintf(f.out, "%s=== NAME  \n", framing.Marker)
}

// finishTeardown writes what TestMain printed at its end, if that is something new, and how the process ended, if
// the test doesn't tell.
func (f *framer) finishTeardown(e ending) {
	if text := f.teardownText(); !f.last && !strings.HasSuffix(f.chatter, text) {
		f.out.Write([]byte(text))
	}
	if e.status != 0 && !f.fail && !e.interrupted {
		f.note("", fmt.Sprintf("pgtest: after the end of %s: %s", f.test, e.how()))
	}
}

// note writes a line that belongs to a test, or to the package.
func (f *framer) note(test, line string) {
	fmt.Fprintf(f.out, "%s=== NAME  %s\n%s\n", framing.Marker, test, line)
}

// teardownText is what TestMain printed at its end. The coverage of one process is no news.
func (f *framer) teardownText() string {
	text := f.kept[teardown].String()
	if strings.HasPrefix(text, "coverage: ") {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}
