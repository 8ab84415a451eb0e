package jsonstream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/gotestsum/testjson"

	"pgtest/harness/harnesstest/race"
	"pgtest/jsonstream/event"
	"pgtest/jsonstream/junit"
	"pgtest/jsonstream/result"
)

// outcome is all that a stream leads to.
type outcome struct {
	file   []byte
	text   string
	xml    string
	report result.Report
}

// through puts a stream, and those of further rounds, through a Stream that writes
// all there is.
func through(t testing.TB, stream []byte, interrupt string, more ...[]byte) outcome {
	t.Helper()
	var file, out, xml bytes.Buffer
	s, err := New(Options{
		Stdout: &out, Format: "testname", Summary: testjson.SummarizeAll, JSONFile: &file, Rounds: more != nil,
		JUnit: &junit.Options{Schema: junit.Strict, Out: &xml},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, round := range append([][]byte{stream}, more...) {
		if s.Seen() {
			s.EndRound()
			s.NextRound()
		}
		if interrupt != "" {
			s.Note(result.Interruption{At: time.Now(), Reason: interrupt})
		}
		if err := s.ReadOutput(bytes.NewReader(round)); err != nil {
			t.Fatal(err)
		}
	}
	report, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return outcome{file.Bytes(), out.String(), xml.String(), report}
}

// checkEnds checks that a file holds events alone, and an end for everything
// that started: of tests before that of their package, of subtests before that
// of their parent.
func checkEnds(t *testing.T, file []byte) {
	t.Helper()
	open := make(map[[2]string]int)
	for i, line := range bytes.SplitAfter(file, []byte{'\n'}) {
		if len(line) == 0 {
			continue
		}
		var ev testjson.TestEvent
		if err := json.Unmarshal(line, &ev); err != nil || ev.Action == "" || line[len(line)-1] != '\n' {
			t.Fatalf("line %d is no event: %q", i+1, line)
		}
		if strings.HasPrefix(string(ev.Action), "build-") {
			continue
		}
		if !ev.Action.IsTerminal() {
			open[[2]string{ev.Package, ""}]++
			if ev.Test != "" && (ev.Action == testjson.ActionRun) {
				open[[2]string{ev.Package, ev.Test}]++
			}
			continue
		}
		delete(open, [2]string{ev.Package, ev.Test})
		for name := range open {
			if name[0] == ev.Package && (ev.Test == "" || strings.HasPrefix(name[1], ev.Test+"/")) {
				t.Errorf("line %d ends %s %s before %s", i+1, ev.Package, ev.Test, name[1])
			}
		}
	}
	for name := range open {
		t.Errorf("no end of %s %s", name[0], name[1])
	}
}

// checkAgain checks that an event file leads to what the stream itself led to.
func checkAgain(t *testing.T, first outcome) {
	t.Helper()
	again := through(t, first.file, "")
	diff(t, string(again.file), string(first.file))
	// Without an event that has a time testjson takes that of its own.
	diff(t, noTime.ReplaceAllString(again.text, ""), noTime.ReplaceAllString(first.text, ""))
	diff(t, again.xml, first.xml)
	if got, want := fmt.Sprintf("%+v", again.report), fmt.Sprintf("%+v", first.report); got != want {
		t.Errorf("read again: %s\nwant %s", got, want)
	}
}

// TestEventFile writes files of all recorded streams, whole and cut, and reads
// them.
func TestEventFile(t *testing.T) {
	for name, stream := range streams(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := bytes.SplitAfter(stream, []byte{'\n'})
			step := 1 + len(lines)/30
			if race.Enabled {
				step = 1 + len(lines)/6
			}
			for n := len(lines); n > 0; n -= step {
				part := bytes.Join(lines[:n], nil)
				for _, interrupt := range []string{"", "SIGINT"} {
					first := through(t, part, interrupt)
					checkEnds(t, first.file)
					checkAgain(t, first)
				}
			}
		})
	}
}

// TestEventFileRounds writes files of runs whose failed tests run again, pass,
// and run again, and reads them: they tell the rounds.
func TestEventFileRounds(t *testing.T) {
	build := `{"ImportPath":"p [p.test]","Action":"build-output","Output":"# p [p.test]\n"}` + "\n"
	file := through(t, []byte(build), "", []byte(build)).file
	exec, err := testjson.ScanTestOutput(testjson.ScanConfig{Stdout: bytes.NewReader(file), Stderr: strings.NewReader("")})
	if err != nil || len(exec.Errors()) > 0 || bytes.Count(file, []byte("NoEnd")) != 2 {
		t.Errorf("%v, %d errors for gotestsum in\n%s", err, len(exec.Errors()), file)
	}
	for name, stream := range streams(t) {
		t.Run(name, func(t *testing.T) {
			if race.Enabled && len(stream) > 10000 {
				t.Skip("the same with more tests")
			}
			t.Parallel()
			good := bytes.ReplaceAll(stream, []byte(`"Action":"fail"`), []byte(`"Action":"pass"`))
			first := through(t, stream, "", good, stream)
			if first.report.Rounds != 3 && first.report.Tests > 0 {
				t.Errorf("%d rounds", first.report.Rounds)
			}
			checkAgain(t, first)
			begun := bytes.Index(first.file, []byte(`"NoEnd":"round 3"`))
			whole := bytes.LastIndexByte(first.file[:begun], '\n') + 1
			checkAgain(t, through(t, first.file[:whole], ""))
			if r := through(t, first.file, "", good).report; r.Rounds > 2 {
				t.Errorf("%d rounds of two sources of which one prints a file", r.Rounds)
			}
		})
	}
}

// TestEventFileTestjson gives a file to testjson, which readers such as
// gotestsum's tools use: it finds no test without an end, and those failed that
// failed.
func TestEventFileTestjson(t *testing.T) {
	for _, name := range []string{"panic", "exit", "killed", "timeout", "bench", "benchfail", "panicparallel"} {
		first := through(t, streams(t)[name], "")
		exec, err := testjson.ScanTestOutput(testjson.ScanConfig{Stdout: bytes.NewReader(first.file), Stderr: strings.NewReader("")})
		if err != nil {
			t.Fatal(err)
		}
		var got, want []string
		for _, tc := range exec.Failed() {
			if tc.Elapsed < 0 {
				t.Errorf("%s: %s %s has no end", name, tc.Package, tc.Test)
			}
			if tc.Test != "" {
				got = append(got, tc.Test.Name())
			}
		}
		for _, p := range first.report.Packages {
			for _, r := range p.Failed {
				want = append(want, r.Name)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: failed %q, want %q", name, got, want)
		}
	}
}

// TestEventFileInterrupted has tests that are interrupted, one of which the
// stream tells of late, and a package that has ended before.
func TestEventFileInterrupted(t *testing.T) {
	var file, xml bytes.Buffer
	f := newFeed(t, Options{JSONFile: &file, JUnit: &junit.Options{Schema: junit.Strict, Out: &xml}})
	f.write(
		at(0, `"Action":"start","Package":"done"`),
		at(1, `"Action":"run","Package":"done","Test":"TestCrash"`),
		at(1, `"Action":"fail","Package":"done","Elapsed":1`),
		at(1, `"Action":"start","Package":"a"`),
		at(1, `"Action":"run","Package":"a","Test":"TestA"`),
		at(2, `"Action":"run","Package":"a","Test":"TestA/sub"`),
		at(2, `"Action":"start","Package":"b"`),
		at(2, `"Action":"start","Package":"cut"`),
		at(2, `"Action":"run","Package":"cut","Test":"TestCut"`),
	)
	f.s.Note(result.Interruption{At: time.Now(), Reason: "SIGTERM"})
	f.s.Note(result.Began{Package: "a", Test: "TestA", At: time.Date(2026, 11, 23, 12, 0, 0, 500e6, time.UTC)})
	f.write(
		at(4, `"Action":"fail","Package":"a","Elapsed":3`),
		at(4, `"Action":"fail","Package":"b","Elapsed":2`),
	)
	report := f.finish()
	for _, want := range []string{
		`"Action":"fail","Package":"done","Test":"TestCrash","Elapsed":0,"NoEnd":"failed"`,
		`"Action":"output","Package":"a","Test":"TestA/sub","Output":"    interrupted after 2.00s by SIGTERM\n","NoEnd":"interrupted by SIGTERM"`,
		`"Action":"fail","Package":"a","Test":"TestA","Elapsed":3.5,"NoEnd":"interrupted by SIGTERM"`,
		`"Action":"output","Package":"b","Output":"interrupted by SIGTERM\n","NoEnd":"interrupted by SIGTERM"`,
		`"Action":"fail","Package":"cut","Test":"TestCut",`,
		`"Action":"output","Package":"cut","Output":"interrupted by SIGTERM\n","NoEnd":"interrupted by SIGTERM"`,
	} {
		if !strings.Contains(file.String(), want) {
			t.Errorf("no %s in\n%s", want, file.String())
		}
	}
	checkEnds(t, file.Bytes())
	again := through(t, file.Bytes(), "")
	for i, p := range report.Packages {
		var got, want []string
		for _, r := range again.report.Packages[i].Interrupted {
			got = append(got, fmt.Sprint(r.Name, r.Elapsed.Milliseconds()))
		}
		for _, r := range p.Interrupted {
			want = append(want, fmt.Sprint(r.Name, r.Elapsed.Milliseconds()))
		}
		if !slices.Equal(got, want) || again.report.Packages[i].End != p.End {
			t.Errorf("%s: %v, want %v", p.Path, got, want)
		}
	}
	if !strings.Contains(again.xml, `message="interrupted after 3.50s by SIGTERM"`) {
		t.Errorf("the report does not say why:\n%s", again.xml)
	}
	validate(t, xml.Bytes(), []byte(again.xml))
}

// TestEventFileTwice has a package that runs again after it failed in the middle
// of a test, and one that has no end.
func TestEventFileTwice(t *testing.T) {
	stream := strings.Join([]string{
		at(0, `"Action":"run","Package":"p","Test":"TestA"`), at(1, `"Action":"fail","Package":"p"`),
		at(1, `"Action":"run","Package":"p","Test":"TestB"`), at(2, `"Action":"fail","Package":"p"`),
		at(2, `"Action":"start","Package":"q"`), at(4, `"Action":"skip","Package":"r"`), "",
	}, "\n")
	got := through(t, []byte(stream), "")
	for _, want := range []string{
		`"Action":"fail","Package":"p","Test":"TestA",`, `"Action":"fail","Package":"p","Test":"TestB",`,
		`"Action":"output","Package":"q","Output":"the package has no end: the events end first\n","NoEnd":"failed"`,
		`"Action":"fail","Package":"q","Elapsed":2,"NoEnd":"failed"`,
	} {
		if n := strings.Count(string(got.file), want); n != 1 {
			t.Errorf("%d times %s in\n%s", n, want, got.file)
		}
	}
	checkEnds(t, got.file)
}

// TestEventFileLines has lines between the events that are none.
func TestEventFileLines(t *testing.T) {
	stream := "hello\n" + `{"Action":"start","Package":"p"}` + "\n" +
		"# p.test\nld: warning: old\n{\"level\":\"info\",\"msg\":\"an object\"}\n{\"Action\":\"deploy\",\"Target\":\"x\"}\n\n[]\n" +
		`{"Action":"pass","Package":"p"}` + "\r\n" + `{"Action":"start","Package":"q"}` + "\n" + `{"Action":"skip","Package":"q"}`
	got := through(t, []byte(stream), "")
	var want []string
	for _, line := range strings.Split(stream, "\n") {
		if strings.Contains(line, "Package") {
			want = append(want, strings.TrimSuffix(line, "\r"))
		}
	}
	diff(t, string(got.file), strings.Join(want, "\n")+"\n")
	for _, line := range []string{"hello", "ld: warning: old", `{"level":"info","msg":"an object"}`, `{"Action":"deploy","Target":"x"}`} {
		if !strings.Contains(got.text, line+"\n") {
			t.Errorf("%q is not shown", line)
		}
	}
	if !got.report.OK() {
		t.Errorf("%+v", got.report)
	}
}

// TestIncomplete has streams that are no success.
func TestIncomplete(t *testing.T) {
	const passes = `{"Action":"start","Package":"p"}` + "\n" + `{"Action":"pass","Package":"p"}` + "\n"
	for _, tt := range []struct {
		name, stream string
		cut, ok      bool
	}{
		{"whole", passes, false, true},
		{"no line end", strings.TrimSuffix(passes, "\n"), false, true},
		{"text at the end", passes + "done", false, true},
		{"cut in a line", passes + `{"Action":"start","Pack`, true, false},
		{"cut after a brace", passes + `{`, true, false},
		{"cut in a long line", passes + `{"Action":"output","Output":"` + strings.Repeat("x", 2*event.MaxLine), true, false},
		{"package without end", passes + `{"Action":"start","Package":"q"}` + "\n", false, false},
		{"test without end", passes + `{"Action":"run","Package":"q","Test":"TestA"}` + "\n", false, false},
		{"build without package", passes + `{"ImportPath":"q","Action":"build-fail"}` + "\n", false, false},
		{"warning of a build", passes + `{"ImportPath":"q","Action":"build-output","Output":"warning: x\n"}` + "\n", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := through(t, []byte(tt.stream), "").report
			if got.Cut != tt.cut || got.OK() != tt.ok {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestNoRoomForLongLine has no room for a line that may be an event. It is
// shown, what comes after it is read, and the error says so.
func TestNoRoomForLongLine(t *testing.T) {
	long := `{"Action":"output","Package":"p","Test":"TestA","Output":"` + strings.Repeat("x", 2*event.MaxLine) + `"}`
	var out bytes.Buffer
	s, err := New(Options{Stdout: &out, Format: "none", SpoolDir: "/does/not/exist"})
	if err != nil {
		t.Fatal(err)
	}
	stream := strings.Repeat("plain", event.MaxLine) + "\n" + long + "\n" + `{"Action":"pass","Package":"p"}` + "\n"
	err = s.ReadOutput(strings.NewReader(stream))
	if err == nil || !strings.Contains(err.Error(), "can't be kept: no such file or directory") {
		t.Errorf("error %v", err)
	}
	report, err := s.Finish()
	if err != nil {
		t.Error(err)
	}
	if p := report.Package("p"); p == nil || p.End != result.Passed || !strings.Contains(out.String(), long) {
		t.Errorf("%+v", report)
	}
}

// TestReadErrors ends the reading in the middle, of both streams.
func TestReadErrors(t *testing.T) {
	broken := func(text string) io.Reader {
		r, w := io.Pipe()
		go func() {
			io.WriteString(w, text)
			w.CloseWithError(fmt.Errorf("input/output error"))
		}()
		return r
	}
	s, err := New(Options{Format: "none"})
	if err != nil {
		t.Fatal(err)
	}
	err = s.ReadOutput(broken(`{"Action":"pass","Package":"p"}` + "\n" + `{"Action":"st`))
	if err == nil || err.Error() != "reading events: input/output error" {
		t.Errorf("error %v", err)
	}
	if err := s.ReadErrors(broken("x\n")); err == nil || err.Error() != "reading errors: input/output error" {
		t.Errorf("error %v", err)
	}
	if r, err := s.Finish(); err != nil || r.Package("p") == nil {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestNotesInFile wants in the reports of a file what the run noted, and a file of
// it that is the same.
func TestNotesInFile(t *testing.T) {
	notes := []result.Note{
		result.Leaks{Package: "example.com/a", Fail: true, More: 3, Leaks: []result.Leak{{PID: 7, Test: "TestA", Command: "sleep \"<60>\"\n", Escaped: true, Alive: "not permitted"}}},
		result.Timeout{Package: "example.com/a", Test: "TestA", Limit: 90 * time.Second},
		result.GoVersion("go1.2"),
	}
	stream := []byte(`{"Action":"run","Package":"example.com/a","Test":"TestA"}
{"Action":"fail","Package":"example.com/a","Test":"TestA","Elapsed":1}
{"Action":"fail","Package":"example.com/a","Elapsed":1}
`)
	var file, timing, out, notices bytes.Buffer
	s, err := New(Options{Stdout: &out, Format: "testname", Summary: testjson.SummarizeAll, JSONFile: &file, TimingFile: &timing})
	if err != nil {
		t.Fatal(err)
	}
	s.ReadOutput(bytes.NewReader(stream))
	for _, n := range notes {
		s.Note(n)
	}
	if _, err := s.Finish(); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(timing.Bytes(), []byte(`"note"`)) {
		t.Errorf("the file of times has more than ends: %s", timing.String())
	}
	if s, err = New(Options{Notices: &notices}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.ReadOutput(bytes.NewReader(file.Bytes()))
	if got, want := fmt.Sprintf("%+v", s.notes), fmt.Sprintf("%+v", notes[:2]); got != want || notices.Len() > 0 {
		t.Errorf("%s, want %s; at once: %s", got, want, notices.String())
	}
	again := through(t, file.Bytes(), "")
	if !bytes.Equal(again.file, file.Bytes()) || before(again.text, "DONE") != before(out.String(), "DONE") || again.report.Errors != 0 {
		t.Errorf("%s\n%s\nwant\n%s\n%s", again.file, again.text, file.String(), out.String())
	}
	if !strings.Contains(again.text, "=== LEAK: example.com/a\n    TestA: pid 7: sleep") || !strings.Contains(again.xml, "leaked processes") {
		t.Errorf("%s\n%s", again.text, again.xml)
	}
}

func before(text, what string) string {
	text, _, _ = strings.Cut(text, what)
	return text
}
