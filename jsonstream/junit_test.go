package jsonstream

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgtest/harness/harnesstest"
	"pgtest/jsonstream/junit"
	"pgtest/jsonstream/result"
)

// validate checks a report against Jenkins' schema.
func validate(t *testing.T, reports ...[]byte) {
	t.Helper()
	harnesstest.Need(t, "xmllint")
	dir := t.TempDir()
	args := []string{"--noout", "--huge", "--schema", "junit/testdata/junit-10.xsd"}
	for i, r := range reports {
		name := filepath.Join(dir, fmt.Sprint(i, ".xml"))
		if err := os.WriteFile(name, r, 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	if out, err := exec.Command("xmllint", args...).CombinedOutput(); err != nil {
		t.Errorf("xmllint: %v\n%.2000s", err, out)
	}
}

type xmlSuites struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Suites   []struct {
		Name       string `xml:"name,attr"`
		Tests      int    `xml:"tests,attr"`
		Failures   int    `xml:"failures,attr"`
		Errors     int    `xml:"errors,attr"`
		Skipped    int    `xml:"skipped,attr"`
		Properties []struct {
			Name  string `xml:"name,attr"`
			Value string `xml:"value,attr"`
		} `xml:"properties>property"`
		Cases []xmlCase `xml:"testcase"`
	} `xml:"testsuite"`
}

type xmlCase struct {
	Name    string   `xml:"name,attr"`
	Class   string   `xml:"classname,attr"`
	Time    string   `xml:"time,attr"`
	Failure *xmlText `xml:"failure"`
	Error   *xmlText `xml:"error"`
	Skipped *xmlText `xml:"skipped"`
}

type xmlText struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func parse(t *testing.T, report []byte) (s xmlSuites, cases map[string]xmlCase) {
	t.Helper()
	if err := xml.Unmarshal(report, &s); err != nil {
		t.Fatalf("%v in\n%s", err, report)
	}
	cases = make(map[string]xmlCase)
	for _, suite := range s.Suites {
		for _, c := range suite.Cases {
			cases[suite.Name+" "+c.Name] = c
		}
	}
	return s, cases
}

func junitReport(t *testing.T, stream []byte, opts junit.Options) []byte {
	t.Helper()
	var out bytes.Buffer
	opts.Out = &out
	ours(t, stream, "", Options{Format: "none", JUnit: &opts})
	return out.Bytes()
}

// TestJUnitStreams makes valid reports of all recorded streams, with counts that
// agree with their testcases.
func TestJUnitStreams(t *testing.T) {
	var all [][]byte
	for name, stream := range streams(t) {
		r := junitReport(t, stream, junit.Options{Schema: junit.Strict, ProjectName: "<project> " + name})
		all = append(all, r)
		suites, _ := parse(t, r)
		var tests, failures, errors int
		for _, s := range suites.Suites {
			var f, e, k int
			for _, c := range s.Cases {
				switch {
				case c.Failure != nil:
					f++
				case c.Error != nil:
					e++
				case c.Skipped != nil:
					k++
				}
			}
			if s.Tests != len(s.Cases) || s.Failures != f || s.Errors != e || s.Skipped != k {
				t.Errorf("%s %s: counts %d %d %d %d are not %d %d %d %d", name, s.Name,
					s.Tests, s.Failures, s.Errors, s.Skipped, len(s.Cases), f, e, k)
			}
			tests, failures, errors = tests+s.Tests, failures+f, errors+e
		}
		if suites.Tests != tests || suites.Failures != failures || suites.Errors != errors {
			t.Errorf("%s: the totals are wrong", name)
		}
	}
	validate(t, all...)
}

func TestJUnitCases(t *testing.T) {
	for _, tt := range []struct{ stream, name, kind, typ, message, text string }{
		{"fail", "example.com/m/fail TestFail", "failure", "failure", "a_test.go:12: want", "want \"a\\tb\",\n        got <ü> & \\ more"},
		{"fail", "example.com/m/fail TestSubFail/bad/deep_one", "failure", "failure", "a_test.go:18: deep", "deep"},
		{"fail", "example.com/m/fail TestSubFail/bad/skipped", "skipped", "", "not here", ""},
		{"skip", "example.com/m/skip TestSkip", "skipped", "", "a_test.go:5: no network", ""},
		{"skip", "example.com/m/skip TestSubs/one", "skipped", "", "one\nof two lines", ""},
		{"panic", "example.com/m/panics TestPanic", "failure", "panic", "panic: assignment to entry in nil map", "goroutine "},
		{"panic", "example.com/m/panics TestPanic/sub", "failure", "failure", "panic: assignment to entry in nil map", "output first"},
		{"fail", "example.com/m/fail TestSubFail", "failure", "failure", "a subtest failed: TestSubFail/bad", ""},
		{"fail", "example.com/m/fail Example_fails", "failure", "failure", "", "got:"},
		{"race", "example.com/m/race TestRace", "failure", "race", "WARNING: DATA RACE", "Previous write"},
		{"timeout", "example.com/m/timeout TestHang/sub", "failure", "timeout", "test timed out after 1s, after 1s", ""},
		{"timeout", "example.com/m/timeout TestHang", "failure", "timeout", "test timed out after 1s, after 1s", "hanging"},
		{"go1.27-fail", "example.com/m/fail TestFail", "failure", "failure", "a_test.go:12: want", "want"},
		{"exit", "example.com/m/exits TestExit/sub", "failure", "exit", "the process ended before the test", "leaving"},
		{"killed", "example.com/m/killed TestKilled", "failure", "signal", "signal: killed", "going"},
		{"mainexit", "example.com/m/mainexit TestMain", "error", "exit", "no database", "setting up"},
		{"mainpanic", "example.com/m/mainpanic TestMain", "error", "panic", "panic: in init", "goroutine 1"},
		{"timeout", "example.com/m/timeout TestMain", "error", "timeout", "TestHang", "panic: test timed out after 1s"},
		{"buildfail", "example.com/m/buildfail [build failed]", "error", "build", "[build failed]", "undefined: undefined"},
		{"buildfail", "example.com/m/importsbroken [build failed]", "error", "build", "[build failed]", "cannot use \"no\""},
		{"vetfail", "example.com/m/vetfail [build failed]", "error", "build", "[build failed]", "fmt.Printf format %d"},
	} {
		t.Run(tt.stream+" "+tt.name, func(t *testing.T) {
			_, cases := parse(t, junitReport(t, streams(t)[tt.stream], junit.Options{Schema: junit.Strict}))
			c, ok := cases[tt.name]
			if !ok {
				t.Fatalf("no such testcase in %v", cases)
			}
			got := map[string]*xmlText{"failure": c.Failure, "error": c.Error, "skipped": c.Skipped}[tt.kind]
			if got == nil {
				t.Fatalf("no %s: %+v", tt.kind, c)
			}
			if !strings.Contains(got.Message, tt.message) || got.Type != tt.typ || !strings.Contains(got.Text, tt.text) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestJUnitMessages has tests that say why they failed in other ways.
func TestJUnitMessages(t *testing.T) {
	for _, tt := range []struct {
		name, typ, message string
		output             []string
	}{
		{"text alone", "failure", "connection refused", []string{"", "connection refused", "more"}},
		{"nothing", "failure", "Failed", nil},
		{"logged", "failure", "a_test.go:5: first", []string{"noise", "    a_test.go:5: first", "    a_test.go:6: second"}},
		{"error after a log", "failure", "a_test.go:6: wrong", []string{"    a_test.go:5: a log", "E    a_test.go:6: wrong"}},
		{"assertion", "failure", "a_test.go:7: Not equal:", []string{
			"    a_test.go:7: ", "        \tError Trace:\t/src/a_test.go:7", "        \t            \t/src/b_test.go:9",
			"        \tError:      \tNot equal: ", "        \t            \texpected: 1"}},
		{"example", "failure", "1", []string{"got:", "1", "want:", "2"}},
		{"race", "race", "WARNING: DATA RACE", []string{"==================", "WARNING: DATA RACE", "    a_test.go:5: x"}},
		{"panic after a log", "panic", "panic: boom", []string{"    a_test.go:5: a log", "panic: boom", "    at"}},
		{"fatal error", "panic", "fatal error: all goroutines are asleep - deadlock!", []string{"fatal error: all goroutines are asleep - deadlock!"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stream := `{"Action":"run","Package":"p","Test":"TestX"}` + "\n"
			for _, line := range append([]string{"=== RUN   TestX"}, tt.output...) {
				kind := ""
				if rest, ok := strings.CutPrefix(line, "E"); ok && strings.HasPrefix(rest, " ") {
					line, kind = rest, `,"OutputType":"error"`
				}
				stream += `{"Action":"output","Package":"p","Test":"TestX","Output":"` + escape(line) + `\n"` + kind + "}\n"
			}
			stream += `{"Action":"output","Package":"p","Test":"TestX","Output":"--- FAIL: TestX (0.00s)\n"}` + "\n" +
				`{"Action":"fail","Package":"p","Test":"TestX"}` + "\n" + `{"Action":"fail","Package":"p"}` + "\n"
			_, cases := parse(t, junitReport(t, []byte(stream), junit.Options{Schema: junit.Strict}))
			if got := cases["p TestX"].Failure; got == nil || got.Type != tt.typ || got.Message != tt.message {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestJUnitTimeout has two tests that hang and one that waits for its turn.
func TestJUnitTimeout(t *testing.T) {
	var lines []string
	for _, name := range []string{"TestA", "TestB", "TestWaits"} {
		lines = append(lines, at(1, `"Action":"run","Package":"p","Test":"`+name+`"`))
	}
	for _, line := range []string{"panic: test timed out after 2s", "\trunning tests:", "\t\tTestA (2s)", "\t\tTestB (1.5s)", "", "goroutine 1 [running]:"} {
		lines = append(lines, at(3, `"Action":"output","Package":"p","Test":"TestB","Output":"`+escape(line)+`\n"`))
	}
	lines = append(lines, at(3.25, `"Action":"fail","Package":"p","Elapsed":3`))
	xml := junitReport(t, []byte(strings.Join(lines, "\n")), junit.Options{Schema: junit.Strict})
	_, cases := parse(t, xml)
	for name, want := range map[string]string{
		"TestA": "test timed out after 2s, after 2s", "TestB": "test timed out after 2s, after 1.5s",
		"TestWaits": "test timed out after 2s, before its turn came",
	} {
		if c := cases["p "+name]; c.Failure == nil || c.Failure.Type != "timeout" || c.Failure.Message != want || c.Time != "2.250" {
			t.Errorf("%+v, %+v", c, c.Failure)
		}
	}
	if c := cases["p TestMain"]; c.Error == nil || c.Error.Message != "test timed out after 2s: TestA (2s), TestB (1.5s)" {
		t.Errorf("%+v", c.Error)
	}
	validate(t, xml)
}

// TestReportError has the error that Go 1.27 marks in the results.
func TestReportError(t *testing.T) {
	_, r := ours(t, streams(t)["go1.27-fail"], "", Options{})
	failed := r.Package("example.com/m/fail").Failed
	i := slices.IndexFunc(failed, func(t result.TestReport) bool { return t.Name == "TestSubFail/bad/deep_one" })
	if i < 0 || failed[i].Error != "a_test.go:18: deep" {
		t.Errorf("%+v", failed)
	}
}

func TestJUnitProperties(t *testing.T) {
	var out bytes.Buffer
	f := newFeed(t, Options{Format: "none", JUnit: &junit.Options{Schema: junit.Strict, Out: &out}})
	f.s.Note(result.GoVersion("go1.26"))
	f.s.Note(result.Timeout{Package: "example.com/m/attrs", Test: "TestAttrs"})
	f.s.Note(result.Usage{Package: "example.com/m/attrs", User: 1500 * time.Millisecond})
	f.s.Note(result.Usage{Package: "example.com/other"})
	f.write(strings.TrimSuffix(string(streams(t)["attrs"]), "\n"))
	f.s.Note(result.Leaks{Package: "example.com/m/attrs", Fail: true, Leaks: []result.Leak{{PID: 17, Command: "<sleep>", End: "SIGKILL"}}})
	f.finish()
	suites, cases := parse(t, out.Bytes())
	if len(suites.Suites) != 1 {
		t.Fatalf("%d suites", len(suites.Suites))
	}
	got := make(map[string]string)
	for _, p := range suites.Suites[0].Properties {
		got[p.Name] = p.Value
	}
	for name, value := range map[string]string{
		"go.version": "go1.26", "pgtest.cpu.user": "1.500s", "pgtest.memory.peak": "0", "pgtest.timeout": "TestAttrs", "TestAttrs.owner": "storage team", "TestAttrs.issue": "42",
		"TestAttrs/sub.deep": `a "quoted" value`, "TestFailsWithAttr.owner": "nobody",
	} {
		if got[name] != value {
			t.Errorf("property %s is %q", name, got[name])
		}
	}
	leak := "pid 17: <sleep>: in the test's process group; ended with SIGKILL"
	c := cases["example.com/m/attrs leaked processes"]
	if c.Error == nil || c.Error.Type != "leak" || c.Error.Message != "1 leaked process" || c.Error.Text != leak+"\n" || got["pgtest.leak"] != leak {
		t.Errorf("%+v", c)
	}
	if c := cases["example.com/m/attrs timeout"]; c.Error == nil || c.Error.Type != "timeout" || !strings.Contains(c.Error.Message, "TestAttrs of") {
		t.Errorf("%+v", c)
	}
	validate(t, out.Bytes())
}

func TestJUnitOptions(t *testing.T) {
	stream := streams(t)["all"]
	short, err := junit.NameFormat("short")
	if err != nil {
		t.Fatal(err)
	}
	suites, cases := parse(t, junitReport(t, stream, junit.Options{Schema: junit.Strict, SuiteName: short, ClassName: short, HideEmptyPackages: true, HideSkippedTests: true}))
	for _, s := range suites.Suites {
		if strings.Contains(s.Name, "/") || s.Name == "empty" || s.Name == "notests" || s.Skipped != 0 {
			t.Errorf("suite %+v", s)
		}
	}
	if c, ok := cases["pass TestQuiet"]; !ok || c.Class != "pass" {
		t.Errorf("%+v", c)
	}
}

// TestJUnitAnyBytes puts every byte and every odd rune everywhere.
func TestJUnitAnyBytes(t *testing.T) {
	var odd []string
	for b := range 256 {
		odd = append(odd, string([]byte{'x', byte(b), 'y'}))
	}
	odd = append(odd, "]]>", "<![CDATA[", "\uFFFE", "\uFFFF", "\uFEFF", "\U0010FFFF", "\xed\xa0\x80", "\u2028", "&amp;", `"'`)
	var s bytes.Buffer
	for i, o := range odd {
		name := escape(o + fmt.Sprint(i))
		for _, action := range []string{"pass", "fail", "skip"} {
			fmt.Fprintf(&s, `{"Action":"output","Package":"%s","Test":"Test%s%s","Output":"    %s\n"}`+"\n", name, action, name, name)
			fmt.Fprintf(&s, `{"Action":"attr","Package":"%s","Test":"Test%s%s","Key":"%s","Value":"%s"}`+"\n", name, action, name, name, name)
			fmt.Fprintf(&s, `{"Action":"%s","Package":"%s","Test":"Test%s%s"}`+"\n", action, name, action, name)
		}
		fmt.Fprintf(&s, `{"Action":"output","Package":"crash%s","Output":"%s\n"}`+"\n"+`{"Action":"fail","Package":"crash%s"}`+"\n"+`{"Action":"fail","Package":"%s"}`+"\n", name, name, name, name)
	}
	r := junitReport(t, s.Bytes(), junit.Options{Schema: junit.Strict, ProjectName: strings.Join(odd, " ")})
	suites, _ := parse(t, r)
	if len(suites.Suites) != 2*len(odd) || suites.Tests != 4*len(odd) {
		t.Errorf("%d suites with %d tests", len(suites.Suites), suites.Tests)
	}
	validate(t, r)
}

// escape makes bytes the content of a JSON string, leaving invalid UTF-8.
func escape(s string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		if b < 0x20 || b == '"' || b == '\\' {
			fmt.Fprintf(&out, `\u%04x`, b)
		} else {
			out.WriteByte(b)
		}
	}
	return out.String()
}
