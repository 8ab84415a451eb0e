//go:build unix

package isolate_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pgtest/harness/harnesstest/links"
	"pgtest/harness/isolate"
)

// scratch is what goFlags has made, "" before.
var scratch string

// TestMain runs in the processes of isolated tests, too, which start no go command.
func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// goFlags returns the GOFLAGS of all go commands.
var goFlags = sync.OnceValues(func() (flags string, err error) {
	if scratch, err = os.MkdirTemp("", "pgtest-isolate-"); err != nil {
		return "", err
	}
	return links.GoFlags(scratch)
})

// goTest runs go test in a directory of testdata, and returns its output and
// whether it passed. Variables are added to the environment.
func goTest(t *testing.T, dir string, env []string, args ...string) (string, bool) {
	t.Helper()
	flags, err := goFlags()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", append([]string{"test"}, args...)...)
	cmd.Dir = filepath.Join("testdata", dir)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GOCOVERDIR=") // else the child's results depend on how these tests run
	}), append(env[:len(env):len(env)], "GOFLAGS="+flags)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return string(out) + stderr.String(), err == nil
}

var times = regexp.MustCompile(`[0-9]+\.[0-9]+s|("Elapsed":|"Time":)(?:"[^"]*"|[0-9.]+)`)

// errorMarks are what tells an error from other logged lines since Go 1.27.
var errorMarks = regexp.MustCompile(`,"OutputType":"error(-continue)?"|\x0f|\x0e`)

// mask removes what differs from run to run, and what an isolated test can't
// keep.
func mask(out string) string {
	return errorMarks.ReplaceAllString(times.ReplaceAllString(out, "${1}0"), "")
}

// TestOutcomes runs the same tests isolated and not: go test must print the
// same.
func TestOutcomes(t *testing.T) {
	for _, flag := range []string{"-v=false", "-v", "-json", "-fullpath", "-failfast", "-v=test2json"} {
		args := []string{"-count=1", flag, "-skip=Parallel", "."}
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			want, _ := goTest(t, "outcomes", []string{"PLAIN=1"}, args...)
			got, _ := goTest(t, "outcomes", nil, args...)
			compare(t, mask(got), mask(want))
		})
	}
}

// TestOutcomesParallel compares as TestOutcomes does, but for the order, and
// for the pauses of subtests.
func TestOutcomesParallel(t *testing.T) {
	events := func(env ...string) []string {
		out, _ := goTest(t, "outcomes", env, "-count=1", "-run=Parallel", "-json", ".")
		var list []string
		for line := range strings.Lines(mask(out)) {
			var e struct{ Action, Test, Output string }
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			if strings.HasPrefix(e.Test, "TestParallelInside/") && (e.Action == "pause" || e.Action == "cont" ||
				strings.HasPrefix(e.Output, "=== PAUSE") || strings.HasPrefix(e.Output, "=== CONT")) {
				continue
			}
			list = append(list, strings.Join([]string{e.Action, e.Test, e.Output}, " "))
		}
		slices.Sort(list)
		return list
	}
	compare(t, strings.Join(events(), "\n"), strings.Join(events("PLAIN=1"), "\n"))
}

func compare(t *testing.T, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		if i >= len(gotLines) || i >= len(wantLines) || gotLines[i] != wantLines[i] {
			t.Fatalf("line %d differs:\n got: %q\nwant: %q\n\nall of it:\n%s", i+1, at(gotLines, i), at(wantLines, i), got)
		}
	}
}

func at(lines []string, i int) string {
	if i >= len(lines) {
		return "(none)"
	}
	return lines[i]
}

// TestEnds runs tests that end their process: each fails alone, with its log
// and the reason.
func TestEnds(t *testing.T) {
	t.Parallel()
	out, ok := goTest(t, "outcomes", []string{"ENDS=1"}, "-count=1", "-run=End", ".")
	if ok {
		t.Error("go test passed")
	}
	for test, want := range map[string][]string{
		"TestEndPanic":          {"panic: on purpose", "outcomes.TestEndPanic.func1", "isolate: panic, exit status 2"},
		"TestEndPanicInSubtest": {"--- FAIL: TestEndPanicInSubtest/sub", "panic: on purpose", "isolate: panic, exit status 2"},
		"TestEndPanicElsewhere": {"panic: on purpose", "isolate: panic, exit status 2"},
		"TestEndExit":           {"isolate: exit status 3"},
		"TestEndExit0":          {"panic: unexpected call to os.Exit(0) during test", "isolate: panic"},
		"TestEndExitInSubtest": {
			"--- FAIL: TestEndExitInSubtest/sub", "isolate: the process ended while this test ran", "isolate: exit status 3",
		},
		"TestEndGoexit": {"panic: test executed panic(nil) or runtime.Goexit", "isolate: panic"},
		"TestEndKilled": {"isolate: killed by SIGKILL"},
		"TestEndSegv":   {"SIGSEGV: segmentation violation", "goroutine ", "isolate: killed by SIGSEGV"},
		"TestEndGroup":  {"isolate: killed by SIGTERM"},
		"TestEndNil":    {"panic: runtime error: invalid memory address or nil pointer dereference", "isolate: panic"},
	} {
		_, text, ok := strings.Cut(out, "--- FAIL: "+test+" (")
		if !ok {
			t.Errorf("%s is not reported as failed", test)
			continue
		}
		text, _, _ = strings.Cut(text, "\n--- ")
		for _, want := range append(want, "before the end") {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not show %q, but:\n%s", test, want, text)
			}
		}
		if strings.Contains(text, "not reached") {
			t.Errorf("%s went on", test)
		}
		if !regexp.MustCompile(`outcomes_test\.go:[0-9]+: isolate: `).MatchString(text) {
			t.Errorf("%s doesn't show where it called Run:\n%s", test, text)
		}
	}
}

// TestTimeout lets a test hang: it must fail alone, with its goroutines, before
// go test's own alarm.
func TestTimeout(t *testing.T) {
	t.Parallel()
	out, ok := goTest(t, "outcomes", []string{"ENDS=1", "HANG=1"},
		"-count=1", "-v", "-run=TestEndHang|TestPass", "-timeout=10s", "-shuffle=2", ".")
	if ok {
		t.Error("go test passed")
	}
	for _, want := range []string{
		"SIGQUIT: quit", "outcomes.TestEndHang.func1", "isolate: timed out: -test.timeout is 10s",
		"--- FAIL: TestEndHang", "--- PASS: TestPass",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "panic: test timed out") {
		t.Errorf("the package's alarm went off:\n%s", out)
	}
}

func TestFeatures(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  []string
		args []string
		fail bool
		want []string
		not  []string
	}{
		{
			name: "TestMain and flags",
			args: []string{"-v", "-run=Leader", "-short", "-word=w w"},
			want: []string{`word "w w", short true, verbose true`},
		}, {
			name: "not verbose",
			args: []string{"-run=Count|Leader"},
			want: []string{"verbose is false"},
			not:  []string{"short false", "run 1"},
		}, {
			name: "cpu list",
			args: []string{"-v", "-run=Leader", "-cpu=1,2"},
			want: []string{"--- PASS: TestLeader"},
		}, {
			name: "bad teardown in the child",
			env:  []string{"TEARDOWN=true"},
			args: []string{"-run=Leader|CoverExit"},
			fail: true,
			want: []string{"isolate: exit status 1 after the end of the test", "bad teardown", "--- FAIL: TestLeader"},
			not:  []string{"--- FAIL: TestCoverExit"},
		}, {
			name: "count",
			args: []string{"-v", "-run=Count", "-count=3"},
			want: []string{"run 1"},
			not:  []string{"run 2", "run 3"},
		}, {
			name: "failfast",
			env:  []string{"FAILFAST=1"},
			args: []string{"-v", "-run=Failfast", "-failfast"},
			fail: true,
			want: []string{"--- FAIL: TestFailfast/a"},
			not:  []string{"TestFailfast/b"},
		}, {
			name: "shuffle",
			args: []string{"-v", "-run=Count|Leader|Twice", "-shuffle=3"},
			want: []string{"--- PASS: TestCount", "--- PASS: TestLeader", "--- PASS: TestTwice"},
		}, {
			name: "more than one call",
			args: []string{"-v", "-run=Twice"},
			want: []string{": second\n", ": third\n", ": fourth\n", ": fifth\n", "--- PASS: TestTwice/sub"},
		}, {
			name: "parallel with t.Setenv",
			args: []string{"-v", "-run=ParallelSetenv"},
			want: []string{"=== PAUSE TestParallelSetenv/b", "--- PASS: TestParallelSetenv/a"},
		}, {
			name: "function not reached",
			env:  []string{"UNREACHED=1"},
			args: []string{"-run=Unreached"},
			fail: true,
			want: []string{"isolate: the process ended before it came to the function: exit status 0", "this is the child"},
		}, {
			name: "race",
			env:  []string{"RACE=1"},
			args: []string{"-race", "-run=Race|Count"},
			fail: true,
			want: []string{"WARNING: DATA RACE", "--- FAIL: TestRace", "race detected during execution of test"},
			not:  []string{"--- FAIL: TestCount"},
		}, {
			name: "fuzz target's seeds",
			args: []string{"-v", "-run=Fuzz"},
			want: []string{": seed 1\n", ": seed 2\n", "--- PASS: FuzzSeed/seed#1"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, ok := goTest(t, "features", tt.env, append([]string{"-count=1"}, tt.args...)...)
			if ok == tt.fail {
				t.Errorf("passed: %v", ok)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in:\n%s", want, out)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(out, not) {
					t.Errorf("%q in:\n%s", not, out)
				}
			}
			if n := strings.Count(out, "run 1\n"); tt.name == "count" && n != 3 {
				t.Errorf("ran %d times, want 3", n)
			}
		})
	}
}

// TestCover wants each statement covered: one by the parent, one by a child,
// one by a child that calls os.Exit.
func TestCover(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"set", "count", "atomic"} {
		profile := filepath.Join(t.TempDir(), "profile")
		out, ok := goTest(t, "features", nil, "-count=1", "-run=Cover", "-covermode="+mode, "-coverprofile="+profile, ".")
		if !ok || !strings.Contains(out, "coverage: 100.0% of statements") {
			t.Errorf("mode %s: passed %v:\n%s", mode, ok, out)
		}
		data, err := os.ReadFile(profile)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(" 0\n")) {
			t.Errorf("mode %s, profile:\n%s", mode, data)
		}
	}
}

// TestCache changes a file that only a child reads: go test must not take the
// old result for it.
func TestCache(t *testing.T) {
	t.Parallel()
	file, err := os.CreateTemp("testdata", "cache")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(file.Name()) })
	age := time.Now().Add(-time.Hour) // cmd/go doesn't trust files that have just changed
	write := func(text string) {
		age = age.Add(time.Minute)
		if err := os.WriteFile(file.Name(), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file.Name(), age, age); err != nil {
			t.Fatal(err)
		}
	}
	run := func(want string, cached bool) {
		t.Helper()
		out, ok := goTest(t, "features", []string{"FILE=" + filepath.Base(file.Name())}, "-v", "-run=TestFile", ".")
		if !ok || !strings.Contains(out, want+", <nil>") || strings.Contains(out, "(cached)") != cached {
			t.Errorf("want %s, cached: %v; passed: %v:\n%s", want, cached, ok, out)
		}
	}
	write("first")
	run("first", false)
	run("first", true)
	write("other")
	run("other", false)
	run("other", true)
}

// TestLeftover leaves processes in the child's group, one of which ignores
// SIGTERM.
func TestLeftover(t *testing.T) {
	t.Parallel()
	out, ok := goTest(t, "features", []string{"LEFTOVER=1"}, "-count=1", "-v", "-run=Leftover", ".")
	if !ok {
		t.Errorf("go test failed:\n%s", out)
	}
	left := regexp.MustCompile(`left ([0-9]+)`).FindAllStringSubmatch(out, -1)
	if len(left) != 2 {
		t.Fatalf("%d processes left, want 2:\n%s", len(left), out)
	}
	for _, m := range left {
		pid, _ := strconv.Atoi(m[1])
		if alive(pid) {
			t.Errorf("process %d lives", pid)
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// alive reports whether the process exists and is no zombie.
func alive(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

func TestArtifacts(t *testing.T) {
	dir := t.TempDir()
	out, ok := goTest(t, "features", nil, "-count=1", "-v", "-run=Artifacts", "-artifacts", "-outputdir="+dir, ".")
	if strings.Contains(out, "SKIP") || strings.Contains(out, "flag provided but not defined") {
		t.Skip("no artifacts before Go 1.26")
	}
	m := regexp.MustCompile(`=== ARTIFACTS TestArtifacts (.*)`).FindStringSubmatch(out)
	if !ok || m == nil {
		t.Fatalf("passed: %v:\n%s", ok, out)
	}
	if data, err := os.ReadFile(filepath.Join(m[1], "file")); err != nil || string(data) != "text" {
		t.Errorf("artifact: %q, %v", data, err)
	}
}

// TestParentDies kills a test binary: its child must not outlive it.
func TestParentDies(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a child that its parent has died")
	}
	file := filepath.Join(t.TempDir(), "pid")
	goTest(t, "features", []string{"PIDFILE=" + file}, "-count=1", "-run=Orphan", ".")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(data))
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("process %d lives", pid)
		}
	}
}

// TestOnce counts how often the functions of a test with several calls run.
func TestOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runs")
	if out, ok := goTest(t, "features", []string{"RUNS=" + file}, "-count=1", "-run=Twice", "."); !ok {
		t.Error(out)
	}
	data, err := os.ReadFile(file)
	// the code before the nested call, which is the function around it, runs on
	// the way there too
	if want := "first\nsecond\nthird\nfourth\nfourth\nfifth\n"; err != nil || string(data) != want {
		t.Errorf("ran %q, want %q (%v)", data, want, err)
	}
}

func TestTry(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    func(t *testing.T)
		want isolate.Result
		text string
	}{
		{"return", func(t *testing.T) {}, isolate.Result{Returned: true}, ""},
		{"error", func(t *testing.T) { t.Error("bad") }, isolate.Result{Returned: true, Failed: true, ExitCode: 1}, ": bad\n"},
		{"fatal", func(t *testing.T) { t.Fatal("bad") }, isolate.Result{Returned: true, Failed: true, ExitCode: 1}, ": bad\n"},
		{"skip", func(t *testing.T) { t.Skip("why") }, isolate.Result{Returned: true, Skipped: true}, ": why\n"},
		{"exit", func(t *testing.T) { os.Stdout.WriteString("bye"); os.Exit(5) }, isolate.Result{Failed: true, ExitCode: 5}, "bye"},
		{"panic", func(t *testing.T) { panic("oh") }, isolate.Result{Failed: true, ExitCode: 2}, "panic: oh"},
		{
			"kill", func(t *testing.T) { syscall.Kill(0, syscall.SIGTERM); select {} },
			isolate.Result{Failed: true, ExitCode: -1, Signal: syscall.SIGTERM}, "",
		}, {
			"quit", func(t *testing.T) { syscall.Kill(0, syscall.SIGQUIT); select {} },
			isolate.Result{Failed: true, ExitCode: -1, Signal: syscall.SIGQUIT}, "goroutine ",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := isolate.Try(t, tt.f)
			if !strings.Contains(got.Output, tt.text) {
				t.Errorf("output %q, want %q in it", got.Output, tt.text)
			}
			got.Output = ""
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestGoroutines looks for goroutines of this package, in the child and in the
// parent: tests that look for leaks would find them.
func TestGoroutines(t *testing.T) {
	here := goleak.IgnoreCurrent()
	isolate.Run(t, func(t *testing.T) {
		if err := goleak.Find(); err != nil {
			t.Error(err)
		}
	})
	if err := goleak.Find(here); err != nil {
		t.Error(err)
	}
}
