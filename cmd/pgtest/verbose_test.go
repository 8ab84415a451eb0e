package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// awkward is a module whose tests print what can be taken for package
// testing's words, print no newline, panic and exit.
const awkward = "testdata/awkward"

// TestVerboseCounts runs the awkward module with each way to ask for -v, and
// compares all that is counted with a run without it.
func TestVerboseCounts(t *testing.T) {
	goenv := filepath.Join(t.TempDir(), "goenv")
	if err := os.WriteFile(goenv, []byte("GOFLAGS=-v\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	want := counted(t, nil, "./...")
	for _, wanted := range []string{"fail example.com/awkward/lines TestNoNewlineFails", "pass example.com/awkward/lines TestFakeFail",
		"pass example.com/awkward/lines TestSubtests/a/b", "DONE 30 tests, 2 skipped, 13 failures"} {
		if !strings.Contains(want, wanted) {
			t.Errorf("%q is missing without -v", wanted)
		}
	}
	if t.Failed() {
		t.Fatal(want)
	}
	for _, words := range []string{
		"-v ./...", "--v ./...", "-v=true ./...", "-v=1 ./...", "-v=test2json ./...", "./... -v", "./... -test.v",
		"-test.v=T ./...", "--test.v ./...", "-v=false ./...", "./... -args -test.v", "./... -args --test.v=true",
		"./... -args -test.v=false", "-v ./... -args -test.v -test.v=0 word", "-v --format=testname ./...",
		"GOFLAGS=-v ./...", "GOFLAGS=-test.v=true ./...", "GOFLAGS=-v=false ./...", "GOFLAGS=--v -v ./...",
		"GOENV=" + goenv + " ./...",
		"-json ./...", "-json -v ./...", "-json -v=false ./...", "-json ./... -args -test.v",
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			fields := strings.Fields(words)
			var env []string
			if strings.HasPrefix(fields[0], "GO") {
				env, fields = fields[:1], fields[1:]
			}
			got := counted(t, env, fields...)
			if strings.HasPrefix(words, "-json") {
				got += done.FindString(want) + "\n"
			}
			if got != want {
				t.Errorf("got\n%s\nwithout -v\n%s", got, want)
			}
		})
	}
	isolated := counted(t, nil, "--isolate=test", "./...")
	for _, words := range []string{"-v ./...", "./... -args -test.v=true"} {
		if got := counted(t, nil, append([]string{"--isolate=test"}, strings.Fields(words)...)...); got != isolated {
			t.Errorf("--isolate=test %s: got\n%s\nwithout -v\n%s", words, got, isolated)
		}
	}
}

var done = regexp.MustCompile(`(?m)^DONE \d+ tests.* in `)

// counted runs pgtest in the awkward module and returns all that it counts: the
// results in the event file, the testcases of the JUnit report, the exit status
// and the last line.
func counted(t *testing.T, env []string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	events, report := filepath.Join(dir, "events.json"), filepath.Join(dir, "junit.xml")
	cmd := exec.Command(pgtestPath, append([]string{"--jsonfile=" + events, "--junitfile=" + report}, args...)...)
	cmd.Dir = awkward
	cmd.Env = append(os.Environ(), "GOFLAGS=")
	if len(env) > 0 && strings.HasPrefix(env[0], "GOENV") {
		cmd.Env = append(os.Environ(), "GOFLAGS")
	}
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	lines := append(endEvents(t, events), testcases(t, report)...)
	slices.Sort(lines)
	lines = append(lines, fmt.Sprint("status ", cmd.ProcessState.ExitCode()))
	if line := done.Find(out); line != nil {
		lines = append(lines, string(line))
	}
	return strings.Join(lines, "\n") + "\n"
}

// endEvents returns what a file of events says how tests and packages ended.
func endEvents(t *testing.T, path string) []string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var ends []string
	for d := json.NewDecoder(file); d.More(); {
		var ev struct{ Action, Package, Test string }
		if err := d.Decode(&ev); err != nil {
			t.Fatal(err)
		}
		if ev.Action == "run" || ev.Action == "pass" || ev.Action == "fail" || ev.Action == "skip" {
			ends = append(ends, strings.TrimSpace(ev.Action+" "+ev.Package+" "+ev.Test))
		}
	}
	return ends
}

// testcases returns the testcases of a JUnit report, without times.
func testcases(t *testing.T, path string) []string {
	t.Helper()
	type problem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
	}
	var report struct {
		Tests    string `xml:"tests,attr"`
		Failures string `xml:"failures,attr"`
		Errors   string `xml:"errors,attr"`
		Cases    []struct {
			Class   string   `xml:"classname,attr"`
			Name    string   `xml:"name,attr"`
			Failure *problem `xml:"failure"`
			Error   *problem `xml:"error"`
			Skipped *problem `xml:"skipped"`
		} `xml:"testsuite>testcase"`
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}
	lines := []string{fmt.Sprintf("junit: %s tests, %s failures, %s errors", report.Tests, report.Failures, report.Errors)}
	for _, c := range report.Cases {
		line := fmt.Sprintf("junit: %s %s", c.Class, c.Name)
		for what, p := range map[string]*problem{"failure": c.Failure, "error": c.Error, "skipped": c.Skipped} {
			if p != nil && strings.HasPrefix(c.Name, "TestParallel") {
				p.Message = "" // what stands first is a race
			}
			if p != nil {
				line += fmt.Sprintf(": %s %+v", what, *p)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// TestVerboseText compares what pgtest prints with what go test prints, byte for
// byte but for times, addresses, what goroutines wait for and their order, and go
// test's last FAIL, in whose place the summary stands.
func TestVerboseText(t *testing.T) {
	const recorded = "../../jsonstream/testdata/module"
	links := linksFlag(t)
	for _, tt := range []struct{ dir, args string }{
		{awkward, "-v -skip=TestParallel ./..."},
		{awkward, "./quiet ./lines ./panics ./exits -test.v=true"},
		{awkward, "-v -p=1 ./panics ./lines ./exits"},
		{awkward, "-v ./lines"},
		{awkward + "/lines", "-v"},
		{awkward, "-v -count=2 ./lines ./quiet"},
		{awkward, "-bench=. -benchtime=2x -run=^$ ./mixed ./quiet"},
		{awkward, "-v -bench=. -benchtime=2x -run=^$ ./mixed ./quiet"},
		{awkward, "-bench=. -benchtime=2x -count=2 -cpu=1,2 -run=^$ ./mixed ./quiet"},
		{awkward, "-bench=. -benchtime=2x ./quiet"},
		{awkward, "-bench=. -benchtime=2x -run=Sub|Fake -skip=Sub/d ./lines"},
		{recorded, "-v ./attrs ./fail ./pass ./skip ./panics ./exits ./killed ./mainexit ./mainafter ./buildfail ./empty ./notests"},
		{recorded, "-v ./latepanic ./mainpanic ./vetfail"},
		{recorded, "-v -timeout=1s ./timeout"},
		{recorded, "-v -cover ./pass ./fail"},
		{recorded, "-v -bench=. -benchtime=2x ./bench ./benchfail"},
		{recorded, "-fuzz=. -fuzztime=5x ./fuzz"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"-count=1"}, strings.Fields(tt.args)...)
			want := text(t, tt.dir, links, "go", append([]string{"test"}, args...))
			got := text(t, tt.dir, "", pgtestPath, append([]string{"--hide-summary=all"}, args...))
			g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
			for i := range max(len(g), len(w)) {
				if i >= len(g) || i >= len(w) || g[i] != w[i] {
					t.Fatalf("line %d differs: pgtest prints\n%s\ngo test\n%s", i+1, got, want)
				}
			}
		})
	}
}

var figures = regexp.MustCompile(`\b\d+(\.\d+)?s\b|  +\d+\t +[\d.]+ ns/op|\t +\d+ (B|allocs)/op|\(\d+/sec\)|0x[0-9a-f]+\??|goroutine \d+( .*\]:)?`)

// others are the goroutines that the runtime lists behind the one that panicked.
// Each is a line, and two for each function.
var others = regexp.MustCompile(`(\n\nFIGURE(\n[^\t\n].*\n\t.*)+){2,}`)

// sortOthers gives other goroutines an order of their own: the runtime's depends
// on which goroutines had ended by the time at which one was needed.
func sortOthers(dump string) string {
	first, rest, _ := strings.Cut(strings.TrimPrefix(dump, "\n\n"), "\n\n")
	blocks := strings.Split(rest, "\n\n")
	slices.Sort(blocks)
	return "\n\n" + first + "\n\n" + strings.Join(blocks, "\n\n")
}

// text runs a command with a value of GOFLAGS and returns its standard output,
// without what differs from run to run and without what a whole run adds.
func text(t *testing.T, dir, goflags, command string, args []string) string {
	t.Helper()
	cmd := exec.Command(command, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS="+goflags)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	s := others.ReplaceAllStringFunc(figures.ReplaceAllString(string(out), "FIGURE"), sortOthers)
	if i := strings.LastIndex(s, "\nDONE "); command != "go" && i >= 0 {
		s = s[:i]
	} else if exit != nil {
		s = strings.TrimSuffix(s, "FAIL\n")
	}
	return s
}
