//go:build unix

package pertest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pgtest/harness"
	"pgtest/harness/harnesstest"
	"pgtest/harness/harnesstest/links"
	"pgtest/harness/harnesstest/race"
	"pgtest/harness/internal/pertest"
)

// TestMain lets the test binary play the roles of the runs in its tests.
func TestMain(m *testing.M) {
	harness.Role()
	harnesstest.CatchIgnored()
	race.ExitAtOnce()
	dir, err := os.MkdirTemp("", "pgtest-pertest-")
	if err == nil {
		goFlags, err = links.GoFlags(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.RemoveAll(dir)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// goFlags is the GOFLAGS of all go commands.
var goFlags string

// outcome is what came of a run.
type outcome struct {
	status int
	events string // as go test -json writes them
	stderr string
	result harness.Result
}

// isolated runs the tests with a process each.
func isolated(t *testing.T, cfg harness.Config, env []string, args ...string) outcome {
	t.Helper()
	o, err := runIsolated(context.Background(), cfg, env, new(lockedBuffer), args...)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func runIsolated(ctx context.Context, cfg harness.Config, env []string, out *lockedBuffer, args ...string) (outcome, error) {
	var stderr lockedBuffer
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join("testdata", "module")
	}
	if cfg.Isolation.Packages == nil {
		cfg.Isolation.Packages = []string{"..."}
	}
	cfg.Args, cfg.Env = args, environ(env)
	cfg.Stream.Format, cfg.Stream.NoSummary = "standard-json", true
	cfg.Stream.Stdout, cfg.Stream.Stderr = out, &stderr
	result, err := harness.Run(ctx, cfg)
	return outcome{result.ExitCode, out.String(), stderr.String(), result}, err
}

// plain runs go test.
func plain(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	return plainIn(t, filepath.Join("testdata", "module"), env, args...)
}

// A testBinary is a test binary that was built before.
type testBinary struct {
	name   string
	dir    string // of its package
	covers bool
}

// buildTests builds the test binary of a package of the module in dir.
func buildTests(t *testing.T, dir, pkg string, flags ...string) testBinary {
	t.Helper()
	b := testBinary{filepath.Join(t.TempDir(), "m.test"), filepath.Join(dir, pkg), slices.Contains(flags, "-cover")}
	args := append([]string{"test", "-c", "-vet=off", "-o=" + b.name}, flags...)
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Dir = dir
	cmd.Env = environ(nil)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return b
}

// converter is the program that makes events of the output of a test binary.
var converter = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "tool", "-n", "test2json").Output()
	return strings.TrimSpace(string(out)), err
})

// direct runs a test binary with a process for each test, as go test runs it.
func direct(t *testing.T, b testBinary, env []string, args ...string) outcome {
	t.Helper()
	command := append([]string{os.Args[0], pertest.Role, "--", b.name}, binaryArgs(args)...)
	return convert(t, b, env, command)
}

// alone runs a test binary as go test does.
func alone(t *testing.T, b testBinary, env []string, args ...string) outcome {
	t.Helper()
	return convert(t, b, env, append([]string{b.name}, binaryArgs(args)...))
}

// binaryArgs puts in front what the go command puts there.
func binaryArgs(args []string) []string {
	return append([]string{"-test.paniconexit0", "-test.timeout=10m0s", "-test.v=test2json"}, args...)
}

func convert(t *testing.T, b testBinary, env, command []string) outcome {
	t.Helper()
	test2json, err := converter()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(test2json, append([]string{"-p=example.com/m"}, command...)...)
	cmd.Dir, cmd.Env = b.dir, environ(env)
	out, err := cmd.Output()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	// The package's end is the go command's, which goes by the status.
	lines := slices.DeleteFunc(strings.SplitAfter(string(out), "\n"), func(line string) bool {
		var e event
		return json.Unmarshal([]byte(line), &e) == nil && e.Test == "" && (e.Action == "pass" || e.Action == "fail" || e.Action == "skip")
	})
	return outcome{status: cmd.ProcessState.ExitCode(), events: strings.Join(lines, "")}
}

func plainIn(t *testing.T, dir string, env []string, args ...string) outcome {
	t.Helper()
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Dir = dir
	cmd.Env = environ(env)
	out, err := cmd.Output()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return outcome{status: cmd.ProcessState.ExitCode(), events: string(out)}
}

// environ is the environment with some more variables, without what this
// process has for its own tests.
func environ(more []string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GOCOVERDIR=") })
	return append(append(env, "GOFLAGS="+goFlags), more...)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

type event struct{ Action, Package, Test, Output, Key, Value string }

var varying = regexp.MustCompile(`[0-9]+\.[0-9]+s\b`)

// parse returns what each test's events say, and the names in the order in
// which they begin.
func parse(t *testing.T, events string) (byTest map[string]string, names []string) {
	t.Helper()
	byTest = make(map[string]string)
	events, _, _ = strings.Cut(events, "\n\n") // then the leaked processes
	for line := range strings.Lines(events) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		name := e.Package + " " + e.Test
		if _, ok := byTest[name]; !ok {
			names = append(names, name)
		}
		byTest[name] += strings.Join([]string{e.Action, varying.ReplaceAllString(strings.TrimSuffix(e.Output, "\n"), ""), e.Key, e.Value}, " ") + "\n"
	}
	return byTest, names
}

// compare wants the same tests, top-level ones in the same order, with the same
// events each, and the same status. A parallel subtest begins in its test's
// turn, and not after the other tests.
func compare(t *testing.T, got, want outcome, text bool) {
	t.Helper()
	if got.status != want.status {
		t.Errorf("status %d, want %d", got.status, want.status)
	}
	gotTests, gotNames := parse(t, got.events)
	wantTests, wantNames := parse(t, want.events)
	if len(gotTests) != len(wantTests) {
		t.Errorf("%d tests, want %d", len(gotTests), len(wantTests))
	}
	isSubtest := func(name string) bool { return strings.Contains(name[strings.Index(name, " "):], "/") }
	gotNames, wantNames = slices.DeleteFunc(gotNames, isSubtest), slices.DeleteFunc(wantNames, isSubtest)
	if !slices.Equal(gotNames, wantNames) {
		t.Fatalf("tests:\n%s\nwant:\n%s", strings.Join(gotNames, "\n"), strings.Join(wantNames, "\n"))
	}
	for name, want := range wantTests {
		got := gotTests[name]
		if !text {
			got, want = actions(got), actions(want)
		}
		if got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
		}
	}
}

// actions leaves the first word of each line, but for output.
func actions(events string) string {
	var words []string
	for line := range strings.Lines(events) {
		if word, _, _ := strings.Cut(line, " "); word != "output" {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// TestSameAsGoTest compares what is printed, too.
func TestSameAsGoTest(t *testing.T) {
	t.Parallel()
	b := buildTests(t, filepath.Join("testdata", "module"), "./flags")
	for _, tt := range []struct {
		name string
		env  []string
		args []string // of the test binary, or if they begin with "test" of go
	}{
		{name: "all"},
		{name: "run", args: []string{"-test.run=Sub.*/x|Last"}},
		{name: "skip", args: []string{"-test.skip=TestSubtests/y|Fuzz"}},
		{name: "no subtests", args: []string{"-test.run=TestSubtests/none"}},
		{name: "no subtests of one test", args: []string{"-test.run=TestSubtests/none|TestLast"}},
		{name: "none", args: []string{"-test.run=None"}},
		{name: "count and cpu", args: []string{"-test.count=2", "-test.cpu=1,2"}},
		{name: "no count", args: []string{"-test.count=0"}},
		{name: "shuffle", args: []string{"-test.shuffle=17", "-test.count=2"}},
		{name: "failure", env: []string{"MODE=fail"}},
		{name: "large output", env: []string{"MODE=large"}},
		{name: "go test", args: []string{"test"}},
		{name: "go test -short", args: []string{"test", "-short"}},
		{name: "go test, none", args: []string{"test", "-run=None"}},
		{name: "go test, failure", args: []string{"test"}, env: []string{"MODE=fail"}},
		{name: "go test -cover", args: []string{"test", "-cover"}},
		{name: "go test -race", args: []string{"test", "-race"}},
		{name: "go test -args", args: []string{"test", "-args", "word", "-test.run=None"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if len(tt.args) == 0 || tt.args[0] != "test" {
				compare(t, direct(t, b, tt.env, tt.args...), alone(t, b, tt.env, tt.args...), true)
				return
			}
			args := append([]string{"-count=1", "./flags"}, tt.args[1:]...)
			compare(t, isolated(t, harness.Config{}, tt.env, args...), plain(t, tt.env, args...), true)
		})
	}
}

// TestFailfast runs one test at a time, so that it is known which ones come
// before the failure.
func TestFailfast(t *testing.T) {
	t.Parallel()
	args := []string{"-count=1", "-failfast", "-skip=TestParallel", "./flags"} // its subtests don't wait for the failure here
	cfg := harness.Config{Isolation: harness.Isolation{Processes: 1}}
	compare(t, isolated(t, cfg, []string{"MODE=fail"}, args...), plain(t, []string{"MODE=fail"}, args...), true)
}

// TestUndivided runs what is left to the test binary.
func TestUndivided(t *testing.T) {
	t.Parallel()
	o := isolated(t, harness.Config{}, nil, "-count=1", "-run=TestFirst", "-bench=F", "-benchtime=1x", "./flags")
	if o.status != 0 || !strings.Contains(o.events, `"Action":"bench"`) && !strings.Contains(o.events, "ns/op") {
		t.Errorf("status %d:\n%s", o.status, o.events)
	}
	if o := isolated(t, harness.Config{}, nil, "-list=Meet", "./flags"); !strings.Contains(o.events, "TestMeetA") {
		t.Errorf("status %d:\n%s", o.status, o.events)
	}
}

func TestStandardLibrary(t *testing.T) {
	t.Parallel()
	packages := []string{"strings", "sort", "net/url", "text/template", "encoding/json"}
	if os.Getenv("PGTEST_LONG") != "" {
		packages = append(packages, "os")
	}
	args := append([]string{"-short", "-count=1", "-p=1"}, packages...)
	compare(t, isolated(t, harness.Config{}, nil, args...), plain(t, nil, args...), false)
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"set", "atomic"} {
		var profiles []string
		for _, run := range []func(args ...string) outcome{
			func(args ...string) outcome { return isolated(t, harness.Config{}, nil, args...) },
			func(args ...string) outcome { return plain(t, nil, args...) },
		} {
			profile := filepath.Join(t.TempDir(), "profile")
			o := run("-count=1", "-covermode="+mode, "-coverpkg=./...", "-coverprofile="+profile, "./flags")
			if !strings.Contains(o.events, "coverage: 100.0% of statements") {
				t.Errorf("mode %s:\n%s", mode, o.events)
			}
			data, err := os.ReadFile(profile)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(string(data), "\n")
			slices.Sort(lines)
			profiles = append(profiles, strings.Join(lines, "\n"))
		}
		if profiles[0] != profiles[1] {
			t.Errorf("mode %s, profile:\n%s\nwant:\n%s", mode, profiles[0], profiles[1])
		}
	}
}

// TestBadEnds wants each test that ends its process to fail alone.
func TestBadEnds(t *testing.T) {
	t.Parallel()
	o := isolated(t, harness.Config{}, []string{"MODE=bad"}, "-count=1", "./...")
	if o.status != 1 {
		t.Errorf("status %d", o.status)
	}
	tests, _ := parse(t, o.events)
	for name, want := range map[string]string{
		"TestPanic":          "panic: on purpose",
		"TestPanic/sub":      "fail",
		"TestPanicElsewhere": "panic: elsewhere",
		"TestExit":           "pgtest: exit status 3",
		"TestExit/done":      "pass",
		"TestExit/sub":       "before the end",
		"TestKill":           "pgtest: killed by SIGKILL",
	} {
		got := tests["example.com/tests/flags "+name]
		end := "fail"
		if want == "pass" {
			end = "pass"
		}
		if !strings.Contains(got, want) || !strings.HasSuffix(actions(got), end) {
			t.Errorf("%s: want %q:\n%s", name, want, got)
		}
		delete(tests, "example.com/tests/flags "+name)
	}
	for _, name := range []string{"flags ", "other ", "other TestBroken"} {
		if got := tests["example.com/tests/"+name]; !strings.HasSuffix(actions(got), "fail") {
			t.Errorf("%q did not fail:\n%s", name, got)
		}
		delete(tests, "example.com/tests/"+name)
	}
	for name, got := range tests {
		if strings.HasSuffix(actions(got), "fail") {
			t.Errorf("%s failed:\n%s", name, got)
		}
	}
}

// TestPattern gives the tests of one package of two processes of their own.
func TestPattern(t *testing.T) {
	t.Parallel()
	dir, err := filepath.Abs(filepath.Join("testdata", "module"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"example.com/tests/flags", "example.com/.../flags", filepath.Join(dir, "flags/...")} {
		cfg := harness.Config{Isolation: harness.Isolation{Packages: []string{pattern}}}
		o := isolated(t, cfg, []string{"MODE=bad"}, "-count=1", "-run=Exit|Last|Other|Broken", "./...")
		tests, _ := parse(t, o.events)
		if got := tests["example.com/tests/flags TestLast"]; !strings.HasSuffix(actions(got), "pass") {
			t.Errorf("pattern %s: TestLast did not pass:\n%s", pattern, o.events)
		}
		if got := tests["example.com/tests/other TestBroken"]; strings.Contains(got, "pgtest: exit status 5") {
			t.Errorf("pattern %s: TestBroken had a process of its own:\n%s", pattern, o.events)
		}
	}
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode      string
		processes int
	}{{"meet", 4}, {"alone", 1}} {
		env := []string{"MODE=" + tt.mode, "DIR=" + t.TempDir()}
		cfg := harness.Config{Isolation: harness.Isolation{Processes: tt.processes}}
		if o := isolated(t, cfg, env, "-count=1", "-run=Meet|Alone", "./flags"); o.status != 0 {
			t.Errorf("%s:\n%s", tt.mode, o.events)
		}
	}
}

func TestCache(t *testing.T) {
	t.Parallel()
	file := filepath.Join("testdata", "module", "cached.txt")
	t.Cleanup(func() { os.Remove(file) })
	age := time.Now().Add(-time.Hour) // cmd/go doesn't trust files that have just changed
	write := func(text string) {
		age = age.Add(time.Minute)
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, age, age); err != nil {
			t.Fatal(err)
		}
	}
	run := func(processes int, want string, cached bool) {
		t.Helper()
		cfg := harness.Config{Isolation: harness.Isolation{Processes: processes}}
		o := isolated(t, cfg, []string{"FILE=cached.txt"}, "./flags")
		if o.status != 0 || !strings.Contains(o.events, want+", \\u003cnil\\u003e") || strings.Contains(o.events, "(cached)") != cached {
			t.Errorf("want %s, cached: %v; status %d:\n%s", want, cached, o.status, o.events)
		}
	}
	write("first")
	run(1, "first", false)
	run(2, "first", true)
	write("other")
	run(1, "other", false)
	run(0, "other", true)
}

func TestLeaks(t *testing.T) {
	t.Parallel()
	for _, policy := range []harness.LeakPolicy{harness.WarnLeaks, harness.FailLeaks} {
		o := isolated(t, harness.Config{Leaks: policy}, []string{"MODE=leak"}, "-count=1", "./flags")
		tests, _ := parse(t, o.events)
		want := map[harness.LeakPolicy]string{harness.WarnLeaks: "pass", harness.FailLeaks: "fail"}[policy]
		if got := tests["example.com/tests/flags TestLeak"]; !strings.HasSuffix(actions(got), want) {
			t.Errorf("want %s:\n%s", want, got)
		}
		if (o.status == 1) != (policy == harness.FailLeaks) {
			t.Errorf("policy %v: status %d", policy, o.status)
		}
		if len(o.result.Processes) != 1 || len(o.result.Processes[0].Leaks) != 1 {
			t.Fatalf("processes: %+v", o.result.Processes)
		}
		leak := o.result.Processes[0].Leaks[0]
		if leak.Test != "TestLeak" || leak.Command != "sleep 1000" || leak.End != "SIGTERM" {
			t.Errorf("leak: %+v", leak)
		}
	}
}

// TestTimeLimit wants a test that hangs to fail alone, with its goroutines, or
// to end its package if that has one process.
func TestTimeLimit(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{true, false} {
		cfg := harness.Config{TestTimeout: 5 * time.Second, SlowAfter: time.Second}
		if !own {
			cfg.Isolation.Packages = []string{"example.com/none"}
		}
		o := isolated(t, cfg, []string{"MODE=hang"}, "-count=1", "./flags")
		tests, _ := parse(t, o.events)
		hang, last := tests["example.com/tests/flags TestHang"], tests["example.com/tests/flags TestLast"]
		if o.status != 1 || !strings.Contains(hang, "SIGQUIT: quit") || !strings.Contains(hang, "flags.TestHang(") {
			t.Errorf("own process %v: status %d:\n%s", own, o.status, hang)
		}
		slow := strings.Count(o.stderr, "slow: TestHang of example.com/tests/flags has been running for ")
		if slow != 1 {
			t.Errorf("own process %v: standard error:\n%s", own, o.stderr)
		}
		if own && (!strings.HasSuffix(actions(last), "pass") || !strings.Contains(hang, "pgtest: timed out: --test-timeout is 5s")) {
			t.Errorf("TestHang:\n%s\nTestLast:\n%s", hang, last)
		}
		if !own && !strings.Contains(o.stderr, "TestHang of example.com/tests/flags ran for longer than --test-timeout=5s") {
			t.Errorf("one process for all: standard error:\n%s", o.stderr)
		}
	}
}

// TestPackageTimeout lets -timeout end a test and those that have not begun.
func TestPackageTimeout(t *testing.T) {
	t.Parallel()
	o := isolated(t, harness.Config{Isolation: harness.Isolation{Processes: 1}}, []string{"MODE=hang"},
		"-count=1", "-timeout=8s", "./flags")
	tests, _ := parse(t, o.events)
	if got := tests["example.com/tests/flags TestHang"]; o.status != 1 || !strings.Contains(got, "panic: test timed out") {
		t.Errorf("status %d:\n%s", o.status, got)
	}
	if got := tests["example.com/tests/flags TestLast"]; got != "" || strings.Contains(o.events, "did not begin") {
		t.Errorf("tests were started after the time was up:\n%s", o.events)
	}
}

// awaitFiles waits until tests have made n files in dir.
func awaitFiles(ctx context.Context, dir string, n int) {
	for ctx.Err() == nil {
		if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) >= n {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestInterrupt cancels the run while a test hangs and can't be told to end:
// what the others have printed must come out, also behind it.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir := t.TempDir()
	go func() {
		defer cancel()
		awaitFiles(ctx, dir, 4) // the tests behind the one that hangs have been here
		lock, err := os.Open(dir + ".lock")
		if err != nil {
			return
		}
		defer lock.Close()
		syscall.Flock(int(lock.Fd()), syscall.LOCK_EX) // and their processes have ended
	}()
	out := new(lockedBuffer)
	cfg := harness.Config{Isolation: harness.Isolation{Processes: 6}, Grace: time.Second}
	o, err := runIsolated(ctx, cfg, []string{"MODE=stubborn", "ALSO=meet", "DIR=" + dir}, out, "-count=1", "-run=Hang|Meet", "./flags")
	if err != nil {
		t.Fatal(err)
	}
	if !o.result.Interrupted {
		t.Errorf("not interrupted: %+v", o.result)
	}
	tests, _ := parse(t, o.events)
	for _, name := range []string{"TestMeetA", "TestMeetB", "TestMeetC", "TestMeetD"} {
		if got := tests["example.com/tests/flags "+name]; !strings.HasSuffix(actions(got), "pass") {
			t.Errorf("%s did not pass:\n%s", name, o.events)
		}
	}
	if got := actions(tests["example.com/tests/flags TestHang"]); got != "run" {
		t.Errorf("TestHang: %s, want no end", got)
	}
}

// TestInterruptHidden cancels the run while several tests hang. The output of
// all but the first is kept back until then; their time counts from when they
// began.
func TestInterruptHidden(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const least = 300 * time.Millisecond
	dir := t.TempDir()
	go func() {
		awaitFiles(ctx, dir, 3)
		time.Sleep(3 * least) // what is measured; a test's first line may be read late
		cancel()
	}()
	// Three of the four that wait for each other: they wait for ever.
	cfg := harness.Config{Isolation: harness.Isolation{Processes: 6}}
	o, err := runIsolated(ctx, cfg, []string{"MODE=meet", "DIR=" + dir}, new(lockedBuffer), "-count=1", "-run=Meet[ABC]", "./flags")
	if err != nil {
		t.Fatal(err)
	}
	interrupted := o.result.Report.Packages[0].Interrupted
	if len(interrupted) != 3 {
		t.Fatalf("%d tests were interrupted, want 3: %+v", len(interrupted), interrupted)
	}
	for _, r := range interrupted {
		if r.Elapsed < least {
			t.Errorf("%s was interrupted after %v, want %v or more", r.Name, r.Elapsed, least)
		}
	}
}
