package jsonstream

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"
	"gotest.tools/gotestsum/testjson"
	"pgtest/harness/harnesstest/race"
	"pgtest/jsonstream/format"
	"pgtest/jsonstream/result"
)

// streams returns the recorded streams by name.
func streams(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/streams/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded streams: %v", err)
	}
	all := make(map[string][]byte)
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(f), ".json")] = data
	}
	return all
}

// reference is testjson alone, fed with every line as gotestsum feeds it.
type reference struct {
	out       bytes.Buffer
	formatter testjson.EventFormatter
	invented  []testjson.TestEvent // ends of tests without one
}

func (r *reference) Event(ev testjson.TestEvent, exec *testjson.Execution) error {
	if len(ev.Bytes()) == 0 {
		r.invented = append(r.invented, ev)
		return nil
	}
	return r.formatter.Format(ev, exec)
}

func (r *reference) Err(text string) error { return nil }

// run formats a stream. Where testjson leaves the order to a map, it is that of
// the start here. In a package that passed, tests without an end (benchmarks)
// have passed: gotestsum calls them failed.
func (r *reference) run(t *testing.T, stream []byte, format string, opts testjson.FormatOptions, sum testjson.Summary, stderr string) string {
	r.formatter = testjson.NewEventFormatter(&r.out, format, opts)
	exec, err := testjson.ScanTestOutput(testjson.ScanConfig{
		Stdout: bytes.NewReader(stream), Stderr: strings.NewReader(stderr), Handler: r,
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(map[string]testjson.TestCase)
	for _, name := range exec.Packages() {
		p := exec.Package(name)
		i := slices.IndexFunc(p.Failed, func(tc testjson.TestCase) bool { return tc.Elapsed == -1 })
		if i < 0 {
			continue
		}
		slices.SortFunc(p.Failed[i:], func(a, b testjson.TestCase) int { return a.ID - b.ID })
		p.Failed = slices.DeleteFunc(p.Failed, func(tc testjson.TestCase) bool {
			return tc.Elapsed == -1 && (p.Result() == testjson.ActionPass || strings.HasPrefix(tc.Test.Name(), "Benchmark"))
		})
		for _, tc := range p.Failed {
			ended[name+" "+tc.Test.Name()] = tc
		}
	}
	slices.SortFunc(r.invented, func(a, b testjson.TestEvent) int {
		return ended[a.Package+" "+a.Test].ID - ended[b.Package+" "+b.Test].ID
	})
	for _, ev := range r.invented {
		if _, ok := ended[ev.Package+" "+ev.Test]; ok {
			r.formatter.Format(ev, exec)
		}
	}
	testjson.PrintSummary(&r.out, exec, sum)
	return r.out.String()
}

// ours formats a stream with the package.
func ours(t testing.TB, stream []byte, stderr string, opts Options) (string, result.Report) {
	t.Helper()
	var out bytes.Buffer
	opts.Stdout = &out
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReadErrors(strings.NewReader(stderr)); err != nil {
		t.Fatal(err)
	}
	if err := s.ReadOutput(bytes.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	report, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), report
}

// gaps are the streams whose bytes differ on purpose, with the reason, whichever
// version of Go they come from.
var gaps = map[string]string{
	"artifacts": "testjson takes an artifacts event for the end of its test",
}

var versionPrefix = regexp.MustCompile(`^go\d+\.\d+-`)

var noTime = regexp.MustCompile(` in \d+\.\d{3}s`)

func TestSameAsTestjson(t *testing.T) {
	t.Setenv("GITHUB_ACTIONS", "")
	terminal(t)
	stderr := "go: downloading example.com/x v1.0.0\n# example.com/m/old\n./a.go:1:2: broken\n\tmore of it\nwarning: harmless\n\nlast"
	for name, stream := range streams(t) {
		if gaps[versionPrefix.ReplaceAllString(name, "")] != "" {
			continue
		}
		for _, formatName := range append(format.Names(), "debug") {
			if formatName == "teamcity" {
				continue // which testjson has not
			}
			for i, opts := range []Options{
				{Summary: testjson.SummarizeAll},
				{Summary: testjson.SummarizeFailed | testjson.SummarizeSkipped, HideEmptyPackages: true, Icons: "text"},
				{},
			} {
				if race.Enabled && i != (len(name)+len(formatName))%3 {
					continue
				}
				t.Run(fmt.Sprint(name, "/", formatName, "/", i), func(t *testing.T) {
					lines := stderr
					if i > 0 || formatName != "dots" || bytes.Contains(stream, []byte("build-output")) {
						lines = "" // shown in place, or testjson's order of errors is a race
					}
					opts.Format = formatName
					format.SetColor(i == 1)
					defer format.SetColor(false)
					got, _ := ours(t, stream, lines, opts)
					want := new(reference).run(t, stream, formatName,
						testjson.FormatOptions{HideEmptyPackages: opts.HideEmptyPackages, Icons: opts.Icons}, opts.Summary, lines)
					if formatName == "dots-v2" {
						// Before the first event with a time this is the present.
						got, want = noTime.ReplaceAllString(got, ""), noTime.ReplaceAllString(want, "")
					}
					if formatName == "standard-verbose" {
						// It shows one package after another, reports of subtests
						// below their parents', and names tests, as go test -v
						// does and testjson does not. Its summary leaves out all
						// lines of package testing.
						frames := opts.Summary == testjson.SummarizeNone
						got, want = sortedText(got, frames), sortedText(want, frames)
					}
					diff(t, got, want)
				})
			}
		}
	}
}

// sortedText returns what two orders of the same text have in common: its
// lines, those of package testing only if frames, without indentation and the
// ones that only one of the two has. Lines that a test left unfinished are cut
// off before the line that follows.
func sortedText(s string, frames bool) string {
	s = regexp.MustCompile(` *(--- (PASS|FAIL|SKIP): |=== (RUN|NAME|CONT|PAUSE)  )`).ReplaceAllString(s, "\n$1")
	var lines []string
	for line := range strings.Lines(s) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "", strings.HasPrefix(line, "=== NAME  "), strings.HasPrefix(line, "=== RUN   Benchmark"):
		case frames || !result.LooksFramed([]byte(line)):
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// terminal makes os.Stdout a terminal of 80 columns: dots-v2 asks for its width.
func terminal(t *testing.T) {
	ptmx, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(ptmx, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = tty
	t.Cleanup(func() {
		os.Stdout = stdout
		tty.Close()
		ptmx.Close()
	})
}

// diff fails with the first line that differs.
func diff(t testing.TB, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Fatalf("line %d is\n\t%q, want\n\t%q", i+1, a, b)
		}
	}
}
