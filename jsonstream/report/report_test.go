package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgtest/harness/harnesstest/race"
	"pgtest/jsonstream"
	"pgtest/jsonstream/report"
	"pgtest/jsonstream/result"
)

// An event is one of go test -json.
type event struct {
	Time                          time.Time
	Action, Package, Test, Output string
	Elapsed                       float64
}

var began = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// A stream is what go test -json prints.
type stream struct {
	bytes.Buffer
	now time.Time
}

func (s *stream) add(e event) {
	if s.now.IsZero() {
		s.now = began
	}
	e.Time = s.now
	s.now = s.now.Add(time.Millisecond)
	line, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	s.Write(append(line, '\n'))
}

// test adds a test that ends with an action, and prints.
func (s *stream) test(pkg, name, end string, took time.Duration, output ...string) {
	s.add(event{Action: "run", Package: pkg, Test: name})
	for _, line := range output {
		s.add(event{Action: "output", Package: pkg, Test: name, Output: line})
	}
	s.now = s.now.Add(took)
	s.add(event{Action: end, Package: pkg, Test: name, Elapsed: took.Seconds()})
}

func (s *stream) end(pkg, action string) {
	s.add(event{Action: action, Package: pkg, Elapsed: s.now.Sub(began).Seconds()})
}

// write writes the page of a run of several rounds, and returns its path.
func write(t testing.TB, opts report.Options, notes []result.Note, rounds ...*stream) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	opts.Out = f
	s, err := jsonstream.New(jsonstream.Options{Stdout: io.Discard, Report: &opts, Rounds: len(rounds) > 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, round := range rounds {
		if i > 0 {
			s.EndRound()
			s.NextRound()
		}
		if err := s.ReadOutput(round); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range notes {
		s.Note(n)
	}
	if _, err := s.Finish(); err != nil {
		t.Fatal(err)
	}
	return path
}

const module = "example.com/shop"

// sample is a run with something of everything.
func sample() (report.Options, []result.Note, []*stream) {
	cart, store, web := module+"/cart", module+"/store", module+"/web"
	var first, second stream
	for i := range 40 {
		first.test(cart, fmt.Sprintf("TestPrice/%02d", i), "pass", time.Duration(i)*time.Millisecond)
	}
	first.test(cart, "TestPrice", "pass", 900*time.Millisecond)
	first.test(cart, "TestTotal", "fail", 20*time.Millisecond, "=== RUN   TestTotal\n", "    cart_test.go:31: total: got 30, want \x1b[1;32m42\x1b[0m\n", "--- FAIL: TestTotal (0.02s)\n")
	first.end(cart, "fail")
	first.test(store, "TestSlow", "pass", 2500*time.Millisecond)
	first.test(store, "TestRetry", "fail", 300*time.Millisecond, "    store_test.go:9: connection refused\n")
	first.test(store, "TestLater", "skip", 0, "    store_test.go:70: not yet\n")
	first.end(store, "fail")
	first.test(web, "TestPages", "fail", 120*time.Millisecond, "panic: no page\n")
	first.end(web, "fail")
	second.now = first.now
	second.test(store, "TestRetry", "pass", 200*time.Millisecond)
	second.end(store, "pass")
	second.test(cart, "TestTotal", "fail", 10*time.Millisecond, "    cart_test.go:31: total: got 30, want 42\n")
	second.end(cart, "fail")
	second.test(web, "TestPages", "fail", 110*time.Millisecond, "panic: no page\n")
	second.end(web, "fail")
	opts := report.Options{Command: "pgtest --rerun-fails=1 ./...", Trend: func(pkg, test string) []report.Point {
		if test != "TestRetry" && test != "TestTotal" {
			return nil
		}
		var all []report.Point
		for i := range 12 {
			p := report.Point{Run: began.Add(time.Duration(i-12) * time.Hour), End: result.Passed, Elapsed: time.Duration(100+i) * time.Millisecond}
			if i%5 == 4 {
				p.End = result.Failed
			}
			all = append(all, p)
		}
		return all
	}}
	notes := []result.Note{
		result.GoVersion("go1.26.0"),
		result.Leaks{Package: web, Leaks: []result.Leak{{PID: 4711, Command: "sleep 3600", End: "SIGTERM"}}},
		result.Unreached{Package: module + "/mail", Tests: []string{"TestSend", "TestDraft"}, Reason: "--max-fails=3"},
		result.Coverage("Coverage: 61.0% of statements\n"),
	}
	return opts, notes, []*stream{&first, &second}
}

// hostile is text that would be something else in markup, or in a script.
const hostile = "</pre></details></script><script>window.owned=1</script><img src=x onerror=\"window.owned=1\">" +
	"<!--<script>&lt;\u2028{{.}}`${x}`\x1b[31mred\x1b[0m\x1b]8;;javascript:1\x07link\x1b]8;;\x07\x00\x07\xff\r\n'\"</style></template>"

func hostileRun() *stream {
	var s stream
	const pkg = `example.com/"<script>window.owned=1</script>`
	const test = `Test</script><script>window.owned=1</script>/"'><img src=x onerror=window.owned=1>`
	s.test(pkg, test, "fail", 0, "    "+hostile+"\n")
	s.test(pkg, "TestSkipped", "skip", 0, hostile)
	s.test(pkg, test+"#01", "pass", 0)
	s.end(pkg, "fail")
	return &s
}

// TestQuarantine has a section for tests that failed in quarantine, which are no
// skipped ones, once in the list of tests.
func TestQuarantine(t *testing.T) {
	var s stream
	s.test("m", "TestHeld", "skip", 0, "    a_test.go:7: wrong\n", result.QuarantinedLine+"2030-01-01: why (pgtest.toml:3:1)\n")
	s.test("m", "TestLater", "skip", 0, "    a_test.go:9: not yet\n")
	s.end("m", "pass")
	page, err := os.ReadFile(write(t, report.Options{}, nil, &s))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"In quarantine <span", "<b>1</b> in quarantine", "<b>1</b> skipped", "2030-01-01: why (pgtest.toml:3:1)</span>", "a_test.go:7: wrong",
		"Tests passed</h1>",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("no %q", want)
		}
	}
	_, data, _ := strings.Cut(string(page), `id="data">`)
	data, _, _ = strings.Cut(data, "</script>")
	if n := strings.Count(data, `[0,"TestHeld",`); n != 1 {
		t.Errorf("%d rows in %s", n, data)
	}
}

// TestHostile has what tests print and are called as text alone.
func TestHostile(t *testing.T) {
	notes := []result.Note{
		result.Leaks{Package: "example.com/x", Leaks: []result.Leak{{PID: 1, Command: hostile}}},
		result.Coverage(hostile), result.GoVersion(hostile),
		result.Unreached{Package: hostile, Tests: []string{hostile}, Reason: hostile},
	}
	page, err := os.ReadFile(write(t, report.Options{Command: hostile}, notes, hostileRun()))
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for what, n := range map[string]int{"<script": 2, "</script": 2, "<style": 1, "</style": 1, "<img": 0, "\x00": 0, "\x1b": 0, "<!--": 0} {
		if got := strings.Count(text, what); got != n {
			t.Errorf("%q is there %d times, not %d", what, got, n)
		}
	}
}

// TestBounded has many failures that print much: the page has room for a part of
// what each printed, whatever that takes in markup.
func TestBounded(t *testing.T) {
	const failures, size = 200, 60_000
	for what, line := range map[string]string{
		"plain": strings.Repeat("0123456789", 9) + "\n", "quotes": strings.Repeat("\"'<>&", 18) + "\n",
		"colours": strings.Repeat("\x1b[31mx\x1b[0m", 9) + "\n",
	} {
		if race.Enabled && what != "quotes" {
			continue
		}
		var s stream
		for i := range failures {
			s.test(module, fmt.Sprintf("Test%04d", i), "fail", 0, strings.Repeat(line, size/len(line)))
		}
		s.end(module, "fail")
		page, err := os.ReadFile(write(t, report.Options{}, nil, &s))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d KB", what, len(page)>>10)
		if len(page) > 24<<20 {
			t.Errorf("%s: the page has %d bytes", what, len(page))
		}
		if got := strings.Count(string(page), "bytes left out"); got != failures {
			t.Errorf("%s: %d outputs are cut, not %d", what, got, failures)
		}
	}
}
