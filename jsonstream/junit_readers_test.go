package jsonstream

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"

	joshdk "github.com/joshdk/go-junit"
	jstemmer "github.com/jstemmer/go-junit-report/v2/junit"

	"pgtest/harness/harnesstest/race"
	"pgtest/jsonstream/junit"
	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

var update = flag.Bool("update", false, "write testdata/junit anew")

// told is a stream with notes: each item is a line, a result.Note, or a nextRound.
type told []any

type nextRound struct{}

// output is the events for lines that a test prints, "" for its package.
func output(at_ float64, test string, lines ...string) (events told) {
	for _, line := range lines {
		name := `"Test":"` + escape(test) + `",`
		if test == "" {
			name = ""
		}
		events = append(events, at(at_, `"Action":"output","Package":"example.com/a",`+name+`"Output":"`+escape(line)+`\n"`))
	}
	return events
}

func testEvent(at_ float64, action, test string) string {
	return at(at_, `"Action":"`+action+`","Package":"example.com/a","Test":"`+escape(test)+`","Elapsed":0.25`)
}

func packageEvent(at_ float64, action, more string) string {
	return at(at_, fmt.Sprintf(`"Action":%q,"Package":"example.com/a","Elapsed":1.5%s`, action, more))
}

// run is a test that prints lines and ends.
func run(at_ float64, test, end string, lines ...string) told {
	all := append(told{testEvent(at_, "run", test)}, output(at_, test, lines...)...)
	if end != "" {
		all = append(all, testEvent(at_+0.25, end, test))
	}
	return all
}

func join(parts ...any) (all told) {
	for _, p := range parts {
		if list, ok := p.(told); ok {
			all = append(all, list...)
		} else {
			all = append(all, p)
		}
	}
	return all
}

// ends has a stream for each way in which a test can end.
var ends = map[string]told{
	"passed": join(
		testEvent(0, "run", "TestA"), at(0, `"Action":"attr","Package":"example.com/a","Test":"TestA","Key":"owner","Value":"<me>"`),
		at(0, `"Action":"artifacts","Package":"example.com/a","Test":"TestA","Path":"/repository/out/TestA"`),
		run(0.1, "TestA/sub", "pass", "silent"), testEvent(1, "pass", "TestA"), packageEvent(1.5, "pass", "")),
	"skipped": join(run(0, "TestA", "skip", "    a_test.go:7: no <network>"), packageEvent(1, "pass", "")),
	"failed": join(output(0, "", "-test.shuffle 17"),
		run(0, "TestA", "fail", "=== RUN   TestA", "    helper.go:5: logged in a helper", "    a_test.go:7: want <1>", "--- FAIL: TestA (0.25s)"),
		run(0, "TestB", "", "=== RUN   TestB"), run(0.1, "TestB/sub#01", "fail", "    a_test.go:9: deep"), testEvent(1, "fail", "TestB"),
		run(1, "TestSilent", "fail"), packageEvent(1.5, "fail", "")),
	"panicked": join(run(0, "TestA", "fail", "    a_test.go:5: before", "panic: <boom>", "", "goroutine 7 [running]:", "panic({0x1, 0x2})",
		"\t/go/src/runtime/panic.go:860 +0x13a", "example.com/a.TestA(0x3)", "\t/repository/a/a_test.go:8 +0x4d"), packageEvent(1, "fail", "")),
	"raced": join(run(0, "TestA", "fail", "==================", "WARNING: DATA RACE", "Write at 0x00c0 by goroutine 8:", "  example.com/a.TestA()",
		"      /repository/a/a_test.go:8 +0x4d", "==================", "    testing.go:1465: race detected during execution of test"), packageEvent(1, "fail", "")),
	"timed-out": join(run(0, "TestA", ""), run(0, "TestWaits", ""),
		output(2, "TestA", "panic: test timed out after 2s", "\trunning tests:", "\t\tTestA (2s)", "", "goroutine 1 [running]:"), packageEvent(2, "fail", "")),
	"killed": join(run(0, "TestA", "", "going", "signal: killed"), packageEvent(1, "fail", "")),
	"exited": join(run(0, "TestA", "", "leaving"), output(1, "", "exit status 3"), packageEvent(1, "fail", "")),
	"interrupted": join(run(0, "TestA", "", "so far"), result.Interruption{At: time.Date(2026, 11, 23, 12, 0, 1, 0, time.UTC), Reason: "SIGINT"},
		packageEvent(1, "fail", "")),
	"not-run": join(run(0, "TestA", "fail", "    a_test.go:7: first"), run(0, "TestB", ""),
		result.Interruption{At: time.Date(2026, 11, 23, 12, 0, 1, 0, time.UTC), Reason: "--max-fails=1"}, packageEvent(1, "fail", ""),
		result.Unreached{Package: "example.com/a", Tests: []string{"TestA", "TestB", "TestC"}, Reason: "--max-fails=1"},
		result.Unreached{Package: "example.com/b", Tests: []string{"TestD"}, Reason: "--max-fails=1"}),
	"leaked": join(run(0, "TestA", "pass"), run(0, "TestB", "pass"), packageEvent(1, "pass", ""), result.Leaks{Package: "example.com/a", Fail: true, Leaks: []result.Leak{
		{PID: 17, Test: "TestA", Command: "<sleep>", End: "SIGKILL"}, {PID: 18, Command: "sleep", End: "SIGTERM"}}}),
	"too-slow": join(run(0, "TestA", "", "so far", "signal: killed"), packageEvent(1, "fail", ""),
		result.Timeout{Package: "example.com/a", Test: "TestA", Limit: time.Second}),
	"build-failed": join(
		`{"ImportPath":"example.com/a [example.com/a.test]","Action":"build-output","Output":"# example.com/a [example.com/a.test]\n"}`,
		`{"ImportPath":"example.com/a [example.com/a.test]","Action":"build-output","Output":"a/a_test.go:7:2: undefined: x\n"}`,
		`{"ImportPath":"example.com/a [example.com/a.test]","Action":"build-fail"}`,
		output(0, "", "FAIL\texample.com/a [build failed]"), packageEvent(0, "fail", `,"FailedBuild":"example.com/a [example.com/a.test]"`)),
	"setup-failed": join(output(0, "", "# example.com/a", "a/a_test.go:3:8: package nosuch is not in std", "FAIL\texample.com/a [setup failed]"),
		packageEvent(0, "fail", `,"FailedBuild":"example.com/a"`)),
	"main-exited":  join(output(0, "", "no database"), packageEvent(1, "fail", "")),
	"main-panics":  join(output(0, "", "panic: in init", "", "goroutine 1 [running]:", "\t/repository/a/a_test.go:4 +0x4d"), packageEvent(1, "fail", "")),
	"no-end":       join(run(0, "TestA", "pass"), run(0, "TestB", "", "so far")),
	"ran-twice":    join(run(0, "TestA", "pass"), run(1, "TestA", "fail", "    a_test.go:7: twice"), run(2, "TestA", "skip"), packageEvent(3, "fail", "")),
	"flaky":        join(run(0, "TestA", "fail", "    a_test.go:7: first time"), packageEvent(1, "fail", ""), nextRound{}, run(2, "TestA", "pass"), packageEvent(3, "pass", "")),
	"failed-again": join(run(0, "TestA", "fail", "    a_test.go:7: 1"), packageEvent(1, "fail", ""), nextRound{}, run(2, "TestA", "fail", "    a_test.go:8: 2"), packageEvent(3, "fail", "")),
	"broke-again":  join(output(0, "", "no database"), packageEvent(1, "fail", ""), nextRound{}, output(2, "", "no database"), packageEvent(3, "fail", "")),
	"odd-names": join(run(0, "Test\x01<\xff>", "fail", "\x1b[31m]]>\x00"), run(1, "TestLong/"+strings.Repeat("long", 300), "fail"),
		run(2, "TestLong/"+strings.Repeat("long", 300)+"er", "pass"), packageEvent(3, "fail", "")),
}

// fixed has the places of a repository in /repository with a module.
type fixed struct{}

func (fixed) Test(importPath, test string) sink.Place {
	return sink.Place{File: path.Base(importPath) + "/a_test.go", Line: 3}
}

func (fixed) Line(importPath, file string, line int) sink.Place {
	if path.Base(file) != "a_test.go" {
		return sink.Place{}
	}
	return sink.Place{File: "a/a_test.go", Line: line}
}

func (fixed) Path(file string) string {
	rel, _ := strings.CutPrefix(file, "/repository/")
	return rel
}

func (s told) report(t *testing.T, opts junit.Options) []byte {
	t.Helper()
	var out bytes.Buffer
	opts.Out, opts.Places = &out, fixed{}
	f := newFeed(t, Options{Format: "none", JUnit: &opts, Rounds: true})
	for _, item := range s {
		switch item := item.(type) {
		case string:
			f.write(item)
		case result.Note:
			f.s.Note(item)
		case nextRound:
			f.nextRound()
		}
	}
	f.finish()
	return out.Bytes()
}

// TestJUnitEnds compares reports with those that are kept, has readers of others
// read them, and looks at what the consumers of reports want.
func TestJUnitEnds(t *testing.T) {
	var strict [][]byte
	for name, stream := range ends {
		extended := stream.report(t, junit.Options{})
		strict = append(strict, stream.report(t, junit.Options{Schema: junit.Strict}))
		golden(t, name+".xml", extended)
		golden(t, name+".junit-10.xml", strict[len(strict)-1])
		for _, report := range [][]byte{extended, strict[len(strict)-1]} {
			suites, _ := parse(t, report)
			agree(t, name, suites, report)
		}
		var report richReport
		if err := xml.Unmarshal(extended, &report); err != nil {
			t.Fatal(err)
		}
		for _, rule := range rules {
			for _, suite := range report.Suites {
				if fault := rule.broken(suite); fault != "" {
					t.Errorf("%s: %s (%s): %s", name, rule.reader, rule.source, fault)
				}
			}
		}
	}
	validate(t, strict...)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata/junit", name)
	if *update {
		if err := os.WriteFile(name, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// agree has two other readers count what a report says.
func agree(t *testing.T, name string, suites xmlSuites, report []byte) {
	t.Helper()
	one, err := joshdk.Ingest(report)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var two jstemmer.Testsuites
	if err := xml.Unmarshal(report, &two); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(one) != len(suites.Suites) || len(two.Suites) != len(suites.Suites) || two.Tests != suites.Tests || two.Failures != suites.Failures {
		t.Fatalf("%s: %+v, %+v", name, one, two)
	}
	for i, s := range suites.Suites {
		a, b := one[i], two.Suites[i]
		if a.Name != s.Name || a.Totals.Tests != s.Tests || a.Totals.Failed != s.Failures || a.Totals.Error != s.Errors || a.Totals.Skipped != s.Skipped {
			t.Errorf("%s: %+v", name, a)
		}
		if b.Name != s.Name || b.Tests != s.Tests || b.Failures != s.Failures || b.Errors != s.Errors || b.Skipped != s.Skipped || len(b.Testcases) != s.Tests {
			t.Errorf("%s: %+v", name, b)
		}
		for j, c := range s.Cases {
			if a.Tests[j].Name != c.Name || a.Tests[j].Classname != c.Class || b.Testcases[j].Name != c.Name || b.Testcases[j].Classname != c.Class {
				t.Errorf("%s: %+v, %+v", name, a.Tests[j], b.Testcases[j])
			}
		}
	}
}

type (
	richReport struct {
		Suites []richSuite `xml:"testsuite"`
	}
	richSuite struct {
		Name  string     `xml:"name,attr"`
		Time  float64    `xml:"time,attr"`
		Cases []richCase `xml:"testcase"`
	}
	richCase struct {
		Name       string   `xml:"name,attr"`
		Class      *string  `xml:"classname,attr"`
		File       string   `xml:"file,attr"`
		Line       string   `xml:"line,attr"`
		Timestamp  string   `xml:"timestamp,attr"`
		Time       *float64 `xml:"time,attr"`
		Properties []struct {
			Name  string `xml:"name,attr"`
			Value string `xml:"value,attr"`
		} `xml:"properties>property"`
		Failures []xmlText `xml:"failure"`
		Errors   []xmlText `xml:"error"`
		Skipped  []xmlText `xml:"skipped"`
		Out      []string  `xml:"system-out"`
		Flaky    []rerun   `xml:"flakyFailure"`
		Reruns   []rerun   `xml:"rerunFailure"`
	}
	rerun struct {
		xmlText
		Stack string `xml:"stackTrace"`
	}
)

// ofTest reports whether a case is that of a test, not of a package.
func (c richCase) ofTest() bool {
	return strings.HasPrefix(c.Name, "Test") && c.Name != "TestMain" && !strings.HasPrefix(c.Name, "TestMain (")
}

// each is a rule about cases.
func each(broken func(c richCase) bool) func(richSuite) string {
	return func(s richSuite) string {
		for _, c := range s.Cases {
			if broken(c) {
				return fmt.Sprintf("%+v", c)
			}
		}
		return ""
	}
}

// rules are what breaks in consumers of reports.
var rules = []struct {
	reader, source string
	broken         func(richSuite) string
}{
	{"Jenkins", "junit-plugin SuiteResult.java: a suite without a case is ignored", func(s richSuite) string {
		if len(s.Cases) == 0 {
			return s.Name
		}
		return ""
	}},
	{"Jenkins", "junit-plugin CaseResult.java: message, type and stackTrace of runs", each(func(c richCase) bool {
		for _, r := range append(c.Flaky, c.Reruns...) {
			if r.Message == "" || r.Type == "" || r.Stack == "" {
				return true
			}
		}
		return len(c.Flaky) > 0 && len(c.Failures)+len(c.Errors) > 0 || len(c.Reruns) > 0 && len(c.Failures)+len(c.Errors) != 1
	})},
	{"Jenkins", "junit-plugin SuiteResult.java: times with a zone", each(func(c richCase) bool {
		_, err := time.Parse(time.RFC3339, c.Timestamp)
		return c.ofTest() && len(c.Skipped) == 0 && err != nil
	})},
	{"Jenkins, GitLab", "junit-attachments-plugin README, gitlabhq junit.rb: [[ATTACHMENT|path]] in the only system-out, in whole lines", each(func(c richCase) bool {
		return len(c.Out) > 1 || len(c.Out) == 1 && !regexp.MustCompile(`^(\[\[ATTACHMENT\|[^\[\]|/][^\[\]|]*\]\]\n)+$`).MatchString(c.Out[0])
	})},
	{"GitLab", "gitlabhq junit.rb: the text of a single failure", each(func(c richCase) bool {
		all := append(c.Failures, c.Errors...)
		return len(all) > 1 || len(all) == 1 && strings.TrimSpace(all[0].Text) == ""
	})},
	{"GitLab", "gitlabhq test_case.rb: suite, class and name are the key", func(s richSuite) string {
		known := make(map[string]bool)
		for _, c := range s.Cases {
			key := *c.Class + "_" + c.Name
			if known[key] {
				return key
			}
			known[key] = true
		}
		return ""
	}},
	{"mikepenz/action-junit-report", "testParser.ts: file and line of a failed test, from the repository", each(func(c richCase) bool {
		line, err := strconv.Atoi(c.Line)
		return c.ofTest() && (c.File == "" || path.IsAbs(c.File) || line < 1 || err != nil)
	})},
	{"dorny/test-reporter", "java-junit-parser.ts: type and message", each(func(c richCase) bool {
		for _, f := range append(c.Failures, c.Errors...) {
			if f.Type == "" || f.Message == "" {
				return true
			}
		}
		return c.Time == nil
	})},
	{"CircleCI", "manual: classname is the import path", each(func(c richCase) bool { return c.ofTest() && !strings.HasPrefix(*c.Class, "example.com/") })},
	{"Buildkite", "test-engine-client gotest.go: TestMain without a class says [build failed] in a failure", each(func(c richCase) bool {
		build := strings.Contains(fmt.Sprint(c.Failures, c.Errors), "[build failed]")
		noClass := c.Name == "TestMain" && *c.Class == "" && len(c.Failures) == 1 && strings.Contains(c.Failures[0].Text, "[build failed]")
		return build != noClass || *c.Class == "" && !build
	})},
	{"Datadog", "manual: dd_tags[key]", each(func(c richCase) bool {
		text := fmt.Sprint(c.Properties)
		return strings.Contains(text, "{owner ") != strings.Contains(text, "{dd_tags[owner] ")
	})},
	{"Trunk", "analytics-cli validator.rs: names of 1 to 1000 bytes", each(func(c richCase) bool {
		return len(c.Name) == 0 || len(c.Name) > 1000 || len(*c.Class) > 1000 || len(c.File) > 1000
	})},
	{"all", "durations add up", func(s richSuite) string {
		sum := 0.
		for _, c := range s.Cases {
			if c.ofTest() && !strings.Contains(c.Name, "/") {
				sum += *c.Time
			}
		}
		if s.Time < sum-0.001*float64(len(s.Cases)) {
			return fmt.Sprint(s.Name, s.Time, sum)
		}
		return ""
	}},
}

// TestJUnitOutput has what tests printed, and files that they left.
func TestJUnitOutput(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.log", "sub/b.png", "odd|name"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	artifacts := func(test string) string {
		return at(0, `"Action":"artifacts","Package":"example.com/a","Test":"`+test+`","Path":"`+dir+`"`)
	}
	stream := join(testEvent(0, "run", "TestA"), artifacts("TestA"), output(0, "TestA", "passes"), testEvent(1, "pass", "TestA"),
		testEvent(0, "run", "TestB"), artifacts("TestB"), output(0, "TestB", strings.Repeat("long ", 100), "fails"), testEvent(1, "fail", "TestB"),
		run(1, "TestC", "skip", "    a_test.go:7: skips"), packageEvent(2, "fail", ""))
	files := fmt.Sprintf("[[ATTACHMENT|%[1]s/a.log]]\n[[ATTACHMENT|%[1]s/sub/b.png]]\n", dir)
	for _, tt := range []struct {
		opts                          junit.Options
		passes, fails, failure, skips string
	}{
		{junit.Options{}, files, files, strings.Repeat("long ", 100) + "\nfails\n", ""},
		{junit.Options{MaxOutput: 20}, files, files, "long long \n… 491 bytes left out …\nfails\n", ""},
		{junit.Options{Output: junit.OutputOfAll}, files + "passes\n", files, strings.Repeat("long ", 100) + "\nfails\n", "    a_test.go:7: skips\n"},
		{junit.Options{Output: junit.NoOutput}, files, files, strings.Repeat("long ", 100), ""},
		{junit.Options{Schema: junit.Strict, Output: junit.OutputOfAll}, "passes\n", "", strings.Repeat("long ", 100) + "\nfails\n", "    a_test.go:7: skips\n"},
		{junit.Options{Schema: junit.Strict, Output: junit.NoOutput}, "", "", "", ""},
	} {
		report := stream.report(t, tt.opts)
		var rich richReport
		if err := xml.Unmarshal(report, &rich); err != nil {
			t.Fatal(err)
		}
		got := make(map[string]string)
		for _, c := range rich.Suites[0].Cases {
			got[c.Name] = strings.Join(c.Out, "")
			for _, f := range c.Failures {
				got["failure"] = f.Text
			}
		}
		for name, want := range map[string]string{"TestA": tt.passes, "TestB": tt.fails, "failure": strings.TrimSpace(tt.failure), "TestC": tt.skips} {
			if name == "failure" {
				got[name] = strings.TrimSpace(got[name])
			}
			if got[name] != want {
				t.Errorf("%+v: %s: %q, want %q", tt.opts, name, got[name], want)
			}
		}
		if tt.opts.Schema == junit.Strict {
			validate(t, report)
		}
	}
}

// measured counts what is written, and looks at the memory in use meanwhile.
type measured struct{ size, writes, peak int }

func (m *measured) Write(p []byte) (int, error) {
	if m.writes++; m.writes%64 == 1 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		m.peak = max(m.peak, int(sample[0].Value.Uint64()))
	}
	m.size += len(p)
	return len(p), nil
}

// TestJUnitManyFailures has tests that fail and print more than is kept in memory,
// and more than readers take.
func TestJUnitManyFailures(t *testing.T) {
	tests, lines := 5_000, 5
	if race.Enabled {
		tests = 300
	}
	var out measured
	s, err := New(Options{Format: "none", JUnit: &junit.Options{Out: &out, Places: fixed{}}})
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	go func() {
		line := strings.Repeat("<x>", 333)
		var text strings.Builder
		for i := range tests {
			name := fmt.Sprint("Test", i)
			text.Reset()
			text.WriteString(testEvent(0, "run", name) + "\n")
			for range lines {
				text.WriteString(`{"Action":"output","Package":"example.com/a","Test":"` + name + `","Output":"` + line + `\n"}` + "\n")
			}
			text.WriteString(testEvent(1, "fail", name) + "\n")
			io.WriteString(w, text.String())
		}
		w.Close()
	}()
	if err := s.ReadOutput(r); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Finish(); err != nil {
		t.Fatal(err)
	}
	const most, memory = 30_000_000, 200_000_000
	if out.size > most || out.size < 600*tests || out.peak > memory {
		t.Errorf("%d bytes with %d in memory", out.size, out.peak)
	}
	t.Logf("%d bytes with %d in memory", out.size, out.peak)
}
