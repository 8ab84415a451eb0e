package jsonstream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gotest.tools/gotestsum/testjson"

	"pgtest/jsonstream/genstream"
	"pgtest/jsonstream/internal/spool"
	"pgtest/jsonstream/result"
)

// script makes events of short words: "p start", "p/Test run", "p/Test pass",
// "p/Test: output", "p: output" and "p fail".
func script(t *testing.T, lines ...string) []string {
	t.Helper()
	var events []string
	for _, line := range lines {
		ev := make(map[string]string)
		name, output, isOutput := strings.Cut(line, ": ")
		if isOutput {
			ev["Action"], ev["Output"] = "output", output
		} else {
			name, ev["Action"], _ = strings.Cut(line, " ")
		}
		ev["Package"], ev["Test"], _ = strings.Cut(name, "/")
		b, err := json.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, string(b))
	}
	return events
}

func verboseText(t *testing.T, terse bool, lines ...string) string {
	t.Helper()
	got, _ := ours(t, []byte(strings.Join(script(t, lines...), "\n")), "", Options{Format: "standard-verbose", Terse: terse, NoSummary: true})
	return got
}

// TestInTurn shows the first package as its events come, and the others in the
// order of their starts when those before them have ended.
func TestInTurn(t *testing.T) {
	var out bytes.Buffer
	f := newFeed(t, Options{Stdout: &out, Format: "standard-verbose", NoSummary: true})
	for _, step := range []struct {
		lines []string
		want  string // what is shown after them
	}{
		{[]string{"p start", "q start", "p/T run", "p/T: === RUN   T\n", "q: q one\n"}, "=== RUN   T\n"},
		{[]string{"p/T: no end"}, "no end"},
		{[]string{"r start", "r: r\n", "r pass", "s start", "s: s one\n"}, ""},
		{[]string{"p/T: --- PASS: T (0.00s)\n"}, "--- PASS: T (0.00s)\n"},
		{[]string{"p/T pass", "p: ok p\n", "p pass"}, "ok p\nq one\n"},
		{[]string{"q: q two\n"}, "q two\n"},
		{[]string{"p: late\n"}, "late\n"},
		{[]string{"q fail"}, "r\ns one\n"},
		{[]string{"t start", "t: t\n", "p start", "p: p again\n", "s: s two\n"}, "s two\n"},
		{[]string{"s skip"}, "t\n"},
		{[]string{"p pass"}, ""},
	} {
		before := out.Len()
		f.write(script(t, step.lines...)...)
		if got := out.String()[before:]; got != step.want {
			t.Fatalf("after %q: %q, want %q", step.lines, got, step.want)
		}
	}
	before := out.Len()
	f.finish()
	if got, want := out.String()[before:], "p again\n"; got != want {
		t.Errorf("at the end: %q, want %q", got, want)
	}
}

// TestInTurnCut shows everything of a stream that is cut off, in order.
func TestInTurnCut(t *testing.T) {
	got := verboseText(t, false,
		"p start", "q start", "r start", "r: r\n", "q/T run", "q/T/sub run", "q/T/sub: --- PASS: T/sub (0.00s)\n",
		"q/T/sub pass", "q/T: no end", "r pass", "p: p\n")
	diff(t, got, "p\nno end    --- PASS: T/sub (0.00s)\nr\n")
}

// TestInTurnMemory has more output waiting for its turn than memory keeps.
func TestInTurnMemory(t *testing.T) {
	const lines = 2 * spool.Limit / 1000
	var out bytes.Buffer
	s, err := New(Options{Stdout: &out, Format: "standard-verbose", NoSummary: true, SpoolDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 1000) + "\n"
	var stream bytes.Buffer
	events := script(t, "p start", "q start", "q/T run", "q/T: "+line, "p: p\n", "p pass", "q pass")
	for _, ev := range events[:3] {
		fmt.Fprintln(&stream, ev)
	}
	for range lines {
		fmt.Fprintln(&stream, events[3])
	}
	if err := s.ReadOutput(&stream); err != nil {
		t.Fatal(err)
	}
	if used := s.spool.Used(); used > spool.Limit+2*spool.BufferLimit {
		t.Errorf("%d bytes wait in memory", used)
	}
	if err := s.ReadOutput(strings.NewReader(strings.Join(events[4:], "\n"))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Finish(); err != nil {
		t.Fatal(err)
	}
	diff(t, out.String(), "p\n"+strings.Repeat(line, lines))
}

// TestInTurnAttribution reads the text of packages that ran at once as programs
// do that make reports of it: tests belong to the package whose end comes next.
func TestInTurnAttribution(t *testing.T) {
	var stream bytes.Buffer
	if err := genstream.Write(&stream, genstream.Options{Packages: 7, Tests: 50, Lines: 3, Running: 4}); err != nil {
		t.Fatal(err)
	}
	want := make(map[string]int)
	for line := range bytes.Lines(stream.Bytes()) {
		var ev struct{ Action, Package string }
		if err := json.Unmarshal(line, &ev); err != nil {
			t.Fatal(err)
		}
		if ev.Action == "run" {
			want[ev.Package]++
		}
	}
	got, _ := ours(t, stream.Bytes(), "", Options{Format: "standard-verbose", NoSummary: true})
	tests := 0
	for line := range strings.Lines(got) {
		if strings.HasPrefix(line, "=== RUN   ") {
			tests++
		}
		if rest, ok := strings.CutPrefix(line, "ok  \t"); ok {
			pkg, _, _ := strings.Cut(rest, "\t")
			if tests != want[pkg] || tests == 0 {
				t.Errorf("%d tests end with %s, want %d", tests, pkg, want[pkg])
			}
			tests = 0
			delete(want, pkg)
		}
	}
	if len(want) > 0 {
		t.Errorf("packages without an end: %v", want)
	}
}

// TestVerboseSummary has nothing in the summary that a program which reads the
// text of go test -v would take for one more result.
func TestVerboseSummary(t *testing.T) {
	for name, stream := range streams(t) {
		shown, _ := ours(t, stream, "", Options{Format: "standard-verbose", NoSummary: true})
		got, _ := ours(t, stream, "", Options{Format: "standard-verbose", Summary: testjson.SummarizeAll})
		sections, ok := strings.CutPrefix(got, shown)
		if !ok {
			t.Fatalf("%s: the stream is another with a summary", name)
		}
		for line := range strings.Lines(sections) {
			if result.LooksFramed([]byte(line)) {
				t.Errorf("%s: %q", name, line)
			}
		}
	}
}

// TestVerboseShapes is about text that is not what it looks like.
func TestVerboseShapes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"slashes in names", []string{
			"p/T run", "p/T/a/b run", "p/T/a/b: --- PASS: T/a/b (0.00s)\n", "p/T/a/b pass",
			"p/T: --- PASS: T (0.00s)\n", "p/T pass",
		}, "--- PASS: T (0.00s)\n    --- PASS: T/a/b (0.00s)\n"},
		{"a subtest that prints its own report", []string{
			"p/T run", "p/T/a run", "p/T/a: --- PASS: T/a (0.00s)\n", "p/T/a: and goes on\n", "p/T/a: --- FAIL: T/a (0.00s)\n", "p/T/a fail",
			"p/T: --- FAIL: T (0.00s)\n", "p/T fail",
		}, "--- PASS: T/a (0.00s)\nand goes on\n--- FAIL: T (0.00s)\n    --- FAIL: T/a (0.00s)\n"},
		{"from -test.v=true", []string{
			"p/T run", "p/T: === RUN   T\n", "p/T/a run", "p/T/a: === RUN   T/a\n", "p/T/a:     f_test.go:3: log\n",
			"p/T: --- PASS: T (0.00s)\n", "p/T/a:     --- PASS: T/a (0.00s)\n", "p/T/a pass", "p/T pass",
		}, "=== RUN   T\n=== RUN   T/a\n    f_test.go:3: log\n--- PASS: T (0.00s)\n    --- PASS: T/a (0.00s)\n"},
		{"a root that went on", []string{
			"p/T run", "p/T: === RUN   T\n", "p/T/a run", "p/T/a: === RUN   T/a\n", "p/T/a: --- PASS: T/a (0.00s)\n", "p/T/a pass",
			"p/T: printed\n", "p/T:     f_test.go:3: log\n", "p/T:         log\n",
		}, "=== RUN   T\n=== RUN   T/a\nprinted\n=== NAME  T\n    f_test.go:3: log\n        log\n    --- PASS: T/a (0.00s)\n"},
		{"a process that ended", []string{
			"p/T run", "p/T/a run", "p/T/a: --- PASS: T/a (0.00s)\n", "p/T/a pass", "p/T: exiting\n", "p: FAIL\tp\t1.0s\n", "p fail",
		}, "exiting\n    --- PASS: T/a (0.00s)\nFAIL\tp\t1.0s\n"},
		{"no run event", []string{
			"p/T: --- PASS: T (0.00s)\n", "p/T pass", "p/T/a: --- PASS: T/a (0.00s)\n", "p/T/a pass",
		}, "--- PASS: T (0.00s)\n--- PASS: T/a (0.00s)\n"},
		{"words of other tests", []string{
			"p/T run", "p/T: === RUN   U\n", "p/T: --- FAIL: U (0.00s)\n", "p/T:     --- FAIL: U/a (0.00s)\n", "p/T: === NAME  \n", "p/T pass",
		}, "=== RUN   U\n--- FAIL: U (0.00s)\n    --- FAIL: U/a (0.00s)\n=== NAME  \n"},
	} {
		t.Run(tt.name, func(t *testing.T) { diff(t, verboseText(t, false, tt.lines...), tt.want) })
	}
}

// TestTerseShapes is about what is left without -v.
func TestTerseShapes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"a test that passes", []string{
			"p/T run", "p/T: === RUN   T\n", "p/T: printed\n", "p/T:     f_test.go:3: log\n", "p/T:         log\n", "p/T:     indented\n",
			"p/T: --- PASS: T (0.00s)\n", "p/T pass", "p: PASS\n", "p pass",
		}, "printed\n    indented\nPASS\n"},
		{"a subtest that fails", []string{
			"p/T run", "p/T:     f_test.go:3: one\n", "p/T/a run", "p/T/a:     f_test.go:4: long, ", "p/T/a: longer\n",
			"p/T/a: --- FAIL: T/a (0.00s)\n", "p/T/a fail", "p/T/b run", "p/T/b:     f_test.go:9: b\n", "p/T/b: --- PASS: T/b (0.00s)\n", "p/T/b pass",
			"p/T:     f_test.go:5: two\n", "p/T: --- FAIL: T (0.00s)\n", "p/T fail",
		}, "--- FAIL: T (0.00s)\n    f_test.go:3: one\n    --- FAIL: T/a (0.00s)\n        f_test.go:4: long, longer\n    f_test.go:5: two\n"},
		{"a process that ended", []string{
			"p/T run", "p/T:     f_test.go:3: one\n", "p: FAIL\tp\t1.0s\n", "p fail",
		}, "    f_test.go:3: one\nFAIL\tp\t1.0s\n"},
		{"a benchmark", []string{
			"p/BenchmarkX run", "p/BenchmarkX: === RUN   BenchmarkX\n", "p/BenchmarkX: BenchmarkX\n",
			"p/BenchmarkX:     f_test.go:3: log\n", "p/BenchmarkX: BenchmarkX-2 \t", "p/BenchmarkX:  5\t 1 ns/op\n", "p: PASS\n", "p pass",
		}, "BenchmarkX-2 \t 5\t 1 ns/op\n--- BENCH: BenchmarkX-2\n    f_test.go:3: log\nPASS\n"},
	} {
		t.Run(tt.name, func(t *testing.T) { diff(t, verboseText(t, true, tt.lines...), tt.want) })
	}
}
