//go:build unix

package pertest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgtest/harness"
	"pgtest/harness/harnesstest/race"
)

// facts are what a process for each test must not change: the tests and their
// results, coverage, and the exit status.
type facts struct {
	results  map[string]int // how often a test had a result, "TestA pass"
	coverage []string       // the lines that tell it
	profile  string
	status   int
}

var coverageLine = regexp.MustCompile(`coverage: [^ ]+ `)

// rarely returns 1. With the race detector, which makes each process several
// times as slow, it thins out long tables: of each so many rows one is run.
func rarely() int {
	if race.Enabled {
		return 5
	}
	return 1
}

// factsOf reads the facts out of events.
func factsOf(t *testing.T, o outcome, profile string) facts {
	t.Helper()
	f := facts{results: make(map[string]int), status: o.status}
	open := make(map[string]int)
	events, _, _ := strings.Cut(o.events, "\n\n") // then the leaked processes
	for line := range strings.Lines(events) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		switch e.Action {
		case "run":
			open[e.Package+" "+e.Test]++
		case "pass", "fail", "skip":
			f.results[e.Package+" "+e.Test+" "+e.Action]++
			open[e.Package+" "+e.Test]--
		case "output":
			if found := coverageLine.FindString(e.Output); found != "" && e.Test == "" {
				f.coverage = append(f.coverage, found)
			}
		}
	}
	for test, n := range open { // go test says nothing of those that were cut off
		if n > 0 {
			f.results[test+" fail"] += n
		}
	}
	if data, err := os.ReadFile(profile); err == nil {
		lines := strings.Split(string(data), "\n")
		slices.Sort(lines)
		f.profile = strings.Join(lines, "\n")
	}
	return f
}

func (f facts) compare(t *testing.T, want facts) {
	t.Helper()
	if f.status != want.status {
		t.Errorf("status %d, want %d", f.status, want.status)
	}
	keys := maps.Clone(want.results)
	maps.Copy(keys, f.results)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if f.results[key] != want.results[key] {
			t.Errorf("%q %d times, want %d", key, f.results[key], want.results[key])
		}
	}
	if !slices.Equal(f.coverage, want.coverage) {
		t.Errorf("coverage %q, want %q", f.coverage, want.coverage)
	}
	if f.profile != want.profile {
		t.Errorf("profile:\n%s\nwant:\n%s", f.profile, want.profile)
	}
}

// differ runs a test binary with a process for each test, and by itself, with
// the same arguments, and compares. A coverage profile is compared, too.
func differ(t *testing.T, b testBinary, env []string, args ...string) {
	t.Helper()
	if slices.Contains(args, "-test.failfast") { // so that it is known which tests come before the failure
		env = append(env, "GOMAXPROCS=1")
	}
	var f [2]facts
	var o [2]outcome
	for i, run := range []func(*testing.T, testBinary, []string, ...string) outcome{direct, alone} {
		env, args, profile := env, args, ""
		if b.covers {
			scratch := t.TempDir()
			profile = filepath.Join(scratch, "profile")
			env = append(slices.Clone(env), "GOCOVERDIR="+scratch)
			args = append([]string{"-test.coverprofile=" + profile, "-test.gocoverdir=" + scratch}, args...)
		}
		o[i] = run(t, b, env, args...)
		f[i] = factsOf(t, o[i], profile)
	}
	f[0].compare(t, f[1])
	if t.Failed() {
		t.Logf("%s\nevents:\n%s\nstandard error:\n%s\nwant:\n%s", strings.Join(args, " "), o[0].events, o[0].stderr, o[1].events)
	}
}

// differLines are arguments for the test binary of testdata/module/flags,
// without "test.", behind how it is built and what is in its environment.
var differLines = []string{
	"", "-short", "-parallel=1", "-parallel=4 -cpu=2",
	"-run=.", "-run=Test", "-run=^Test", "-run=^TestFirst$", "-run=TestFirst|TestLast", "-run=^(TestFirst|TestLast)$",
	"-run=First$", "-run=ExampleF", "-run=Fuzz", "-run=FuzzSeeds/seed#0", "-run=FuzzSeeds/none", "-run=None",
	"-run=TestSubtests/x", "-run=TestSubtests/x#01", "-run=TestSubtests/y/z", "-run=Sub.*/x|Last", "-run=Sub.*/x|Sub",
	"-run=/x", "-run=//", "-run=./.", "-run=TestSubtests/none", "-run=TestSubtests/none|TestLast", "-run=[AB]$", "-run=(First|Last)",
	"-run=[[:alpha:]]", `-run=T\w+t`, "-run=Test|", "-run=|", "-run=(", "-run=*", "-skip=[",
	"-skip=.", "-skip=Test", "-skip=^TestFirst$", "-skip=TestSubtests/x", "-skip=TestSubtests/x|Fuzz|Example", "-skip=None",
	"-skip=/x", "-skip=Subtests/x|Subtests", "-run=Sub -skip=Sub", "-run=Sub/[xy] -skip=Sub/x", "-run=Test.*s -skip=Test.*l",
	"-count=2", "-count=3 -run=Sub", "-count=0", "-cpu=1,2", "-cpu=1,2 -count=2 -run=First|Fuzz|Example",
	"-shuffle=off", "-shuffle=on", "-shuffle=3", "-shuffle=3 -count=2 -run=M",
	"COVER=set", "COVER=set -run=None", "COVER=set -run=First", "COVER=set -count=2", "COVER=count",
	"COVER=atomic -run=First|Sub", "COVER=count -skip=First",
	"-timeout=0", "-timeout=10m -run=First", "-failfast", "-fullpath -run=First",
	"MODE=fail", "MODE=fail -run=Fail", "MODE=fail -skip=Fail", "MODE=fail -count=2", "COVER=set MODE=fail",
	"MODE=fail -failfast -run=Fail|Attr", "MODE=bad -run=TestExit/sub", "MODE=bad -run=TestExit -count=1 -skip=sub", "MODE=large",
}

// TestDifferential compares command lines of a test binary.
func TestDifferential(t *testing.T) {
	t.Parallel()
	module := filepath.Join("testdata", "module")
	binaries := map[string]testBinary{"": buildTests(t, module, "./flags")}
	for _, mode := range []string{"set", "count", "atomic"} {
		binaries[mode] = buildTests(t, module, "./flags", "-cover", "-covermode="+mode, "-coverpkg=./...")
	}
	for i, line := range differLines {
		if i%rarely() != 0 {
			continue
		}
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			var env, args []string
			mode := ""
			for word := range strings.FieldsSeq(line) {
				switch {
				case strings.HasPrefix(word, "COVER="):
					mode = word[len("COVER="):]
				case strings.HasPrefix(word, "-"):
					args = append(args, "-test."+word[1:])
				default:
					env = append(env, word)
				}
			}
			differ(t, binaries[mode], env, args...)
		})
	}
}

// TestDifferentialGo compares command lines of go test: those that the go
// command changes or heeds itself.
func TestDifferentialGo(t *testing.T) {
	t.Parallel()
	for i, line := range []string{
		"-v", "-p=1 -vet=off -trimpath", "-cover", "-coverprofile=", "-coverpkg=./... -coverprofile= -run=None",
		"-bench=. -benchtime=1x", "-bench=. -benchtime=1x -run=^$", "-cpuprofile=/dev/null", "-list=.",
		"-args -test.run=None", "-args -test.run Attr -test.count 2", "-args word -test.skip=.", "MODE=fail -v", "MODE=fail -coverprofile=", "MODE=fail -failfast -run=Fail|Attr",
	} {
		if i%rarely() != 0 {
			continue
		}
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			var env []string
			args := []string{"-count=1", "./flags"}
			for word := range strings.FieldsSeq(line) {
				if strings.HasPrefix(word, "MODE=") {
					env = append(env, word)
				} else {
					args = append(args, word)
				}
			}
			if slices.Contains(args, "-cpuprofile=/dev/null") { // go test leaves the binary
				args = append(args, "-outputdir="+t.TempDir(), "-o="+filepath.Join(t.TempDir(), "a.test"))
			}
			differGo(t, env, args...)
		})
	}
}

// differGo runs a command line of go test with a process for each test, and as
// go test does, and compares.
func differGo(t *testing.T, env []string, args ...string) {
	t.Helper()
	var profiles [2]string
	with := [2][]string{args, args}
	if slices.Contains(args, "-coverprofile=") {
		for i := range profiles {
			profiles[i] = filepath.Join(t.TempDir(), "profile")
			with[i] = slices.Clone(args)
			with[i][slices.Index(args, "-coverprofile=")] += profiles[i]
		}
	}
	var cfg harness.Config
	if slices.Contains(args, "-failfast") { // so that it is known which tests come before the failure
		cfg.Isolation.Processes = 1
	}
	got := isolated(t, cfg, env, with[0]...)
	// With -v the go command loses the end of a test whose output has none.
	with[1] = slices.DeleteFunc(slices.Clone(with[1]), func(word string) bool { return word == "-v" })
	want := plain(t, env, with[1]...)
	factsOf(t, got, profiles[0]).compare(t, factsOf(t, want, profiles[1]))
	if t.Failed() {
		t.Logf("%s\nevents:\n%s\nstandard error:\n%s\nwant:\n%s", strings.Join(args, " "), got.events, got.stderr, want.events)
	}
}

// hostile are packages that make it hard to find out what tests they have.
var hostile = []struct {
	name string
	main string // TestMain, or an init
	want string // what the isolated run says in its events
	said string // what it says on standard error
}{
	{"unfinished line", `func TestMain(m *testing.M) { fmt.Print("connecting... "); os.Exit(m.Run()) }`, "", ""},
	{"unfinished word", `func TestMain(m *testing.M) { fmt.Print("connecting"); os.Exit(m.Run()) }`, "", ""},
	{"unfinished name", `func TestMain(m *testing.M) { fmt.Print("TestX"); os.Exit(m.Run()) }`, "", "TestA of example.com/m: not in the list"},
	{"unfinished name of a test", `func TestMain(m *testing.M) { fmt.Print("TestC"); os.Exit(m.Run()) }`, "", ""},
	{"standard error of init", `func init() { fmt.Fprint(os.Stderr, "deprecated ") }`, "", ""},
	{"standard error of init, by println", `func init() { print("deprecated") }`, "", ""},
	{"standard output of init", `func init() { fmt.Print("version=1;") }`, "", ""},
	{"name of a test", `func TestMain(m *testing.M) { fmt.Println("TestA"); os.Exit(m.Run()) }`, "", ""},
	{"names of tests", `func TestMain(m *testing.M) { fmt.Println("TestB\nTestA\nExample\nFuzzA"); c := m.Run(); fmt.Println("TestC"); os.Exit(c) }`, "", ""},
	{"name of no test", `func TestMain(m *testing.M) { fmt.Println("TestGhost"); os.Exit(m.Run()) }`, "", ""},
	{"sentence", `func TestMain(m *testing.M) { fmt.Println("Testing with Test and TestGhost\nTesting"); os.Exit(m.Run()) }`, "", ""},
	{"no newline at all", `func TestMain(m *testing.M) { fmt.Print("a"); c := m.Run(); fmt.Print("b"); os.Exit(c) }`, "", ""},
	{"a long line", `func TestMain(m *testing.M) { fmt.Print(strings.Repeat("Test", 100000)); os.Exit(m.Run()) }`, "", ""},
	{"another output", `func TestMain(m *testing.M) {
		if f := flag.Lookup("test.list"); f.Value.String() == "" { flag.Parse() }
		if flag.Lookup("test.list").Value.String() != "" { os.Stdout, _ = os.Open(os.DevNull) }
		os.Exit(m.Run()) }`, "", "Example, FuzzA, TestA, TestB, TestC of example.com/m: not in the list"},
	{"a part of the list", `func TestMain(m *testing.M) {
		flag.Parse()
		if flag.Lookup("test.list").Value.String() != "" { flag.Set("test.list", "TestC") }
		os.Exit(m.Run()) }`, "", "TestA, TestB of example.com/m: not in the list"},
	{"no -test.list", `func TestMain(m *testing.M) {
		var args []string
		for _, arg := range os.Args {
			if !strings.HasPrefix(arg, "-test.list") { args = append(args, arg) }
		}
		os.Args = args
		os.Exit(m.Run()) }`, "", "Example, FuzzA, TestA, TestB, TestC of example.com/m: not in the list"},
	{"run twice", `func TestMain(m *testing.M) { m.Run(); os.Exit(m.Run()) }`, "", ""},
	{"exit 0 in TestMain", `func TestMain(m *testing.M) { fmt.Println("no database"); os.Exit(0) }`, "", ""},
	{"exit 3 in TestMain", `func TestMain(m *testing.M) { fmt.Println("no database"); os.Exit(3) }`, "can't be listed: exit status 3", ""},
	{"panic in TestMain", `func TestMain(m *testing.M) { panic("no database") }`, "can't be listed: exit status 2", ""},
	{"signal in TestMain", `func TestMain(m *testing.M) { syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} }`, "can't be listed: killed by SIGKILL", ""},
	{"exit 0 in init", `func init() { os.Exit(0) }`, "", ""},
	{"exit 1 in init", `func init() { os.Exit(1) }`, "can't be listed: exit status 1", ""},
	{"exit 3 but in the listing", `func TestMain(m *testing.M) { flag.Parse()
		if flag.Lookup("test.list").Value.String() == "" { os.Exit(3) }
		os.Exit(m.Run()) }`, "TestA did not begin: exit status 3", ""},
	{"status of TestMain", `func TestMain(m *testing.M) { m.Run(); os.Exit(4) }`, "after the end of TestA: exit status 4", ""},
	{"panic after the listing", `func TestMain(m *testing.M) { flag.Parse(); m.Run()
		if flag.Lookup("test.list").Value.String() != "" { panic("not set up") } }`, "", "the process that lists the tests: exit status 2"},
	{"not verbose", `func TestMain(m *testing.M) { flag.Parse(); flag.Set("test.v", "false"); os.Exit(m.Run()) }`, "", ""},
	{"no TestMain's exit", `func TestMain(m *testing.M) { fmt.Println("setup"); m.Run(); fmt.Println("teardown") }`, "", ""},
	{"a line that looks like the end", `func TestMain(m *testing.M) { fmt.Println("PASS"); os.Exit(m.Run()) }`, "", ""},
	{"a child", `func TestMain(m *testing.M) {
		if os.Getenv("CHILD") == "" {
			c := exec.Command(os.Args[0], os.Args[1:]...)
			c.Env = append(os.Environ(), "CHILD=1")
			c.Stdout, c.Stderr = os.Stdout, os.Stderr
			c.Run()
			os.Exit(c.ProcessState.ExitCode())
		}
		os.Exit(m.Run()) }`, "", ""},
}

const hostileTests = `
var _ = []any{fmt.Sprint, os.Args, strings.Fields, flag.Args, syscall.SIGTERM, exec.ErrDot, signal.Notify, time.Second}

func TestA(t *testing.T) { ran(t.Name()) }
func TestB(t *testing.T) { ran(t.Name()); t.Run("x", func(t *testing.T) { ran(t.Name()) }) }
func TestC(t *testing.T) { ran(t.Name()); t.Skip("not now") }
func FuzzA(f *testing.F) { f.Add(1); f.Fuzz(func(t *testing.T, n int) { ran("FuzzA") }) }
func Example() { ran("Example"); fmt.Println(1)
	// Output: 1
}

// ran leaves one line for each time that a test runs.
func ran(name string) {
	f, err := os.OpenFile(os.Getenv("RAN"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(f, name)
	f.Close()
}
`

const hostileImports = `package m

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

`

// writeModule makes a module with the given files.
func writeModule(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files = maps.Clone(files)
	files["go.mod"] = "module example.com/m\n\ngo 1.25\n"
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// writeCases makes a module whose TestMain and initialization are those of the
// case that the variable CASE names.
func writeCases(t *testing.T, cases map[string]string) string {
	t.Helper()
	var inits, mains strings.Builder
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		body, isMain := strings.CutPrefix(cases[name], mainDecl)
		b := &mains
		if !isMain {
			body = strings.TrimPrefix(body, initDecl)
			b = &inits
		}
		fmt.Fprintf(b, "case %q:\n%s\n", name, strings.TrimSuffix(strings.TrimSpace(body), "}"))
	}
	text := fmt.Sprintf("%s%s switch os.Getenv(\"CASE\") {\n%s}\n}\n%s switch os.Getenv(\"CASE\") {\n%sdefault: os.Exit(m.Run())\n}\n}\n%s",
		hostileImports, initDecl, &inits, mainDecl, &mains, hostileTests)
	return writeModule(t, map[string]string{"m_test.go": text})
}

const (
	mainDecl = "func TestMain(m *testing.M) {"
	initDecl = "func init() {"
)

// sameOnce runs a binary both ways and compares, also how often each test ran
// by what it leaves behind.
func sameOnce(t *testing.T, b testBinary, env []string, args ...string) outcome {
	t.Helper()
	var ran [2]string
	var o [2]outcome
	for i, run := range []func(*testing.T, testBinary, []string, ...string) outcome{direct, alone} {
		name := filepath.Join(t.TempDir(), "ran")
		o[i] = run(t, b, append(slices.Clone(env), "RAN="+name), args...)
		data, _ := os.ReadFile(name)
		lines := strings.Split(string(data), "\n")
		slices.Sort(lines)
		ran[i] = strings.Join(lines, "\n")
	}
	factsOf(t, o[0], "").compare(t, factsOf(t, o[1], ""))
	if ran[0] != ran[1] {
		t.Errorf("ran:\n%s\nwant:\n%s", ran[0], ran[1])
	}
	if t.Failed() {
		t.Logf("%s %s\nevents:\n%s\nstandard error:\n%s\nwant:\n%s", strings.Join(env, " "), strings.Join(args, " "), o[0].events, o[0].stderr, o[1].events)
	}
	return o[0]
}

// TestHostile wants the tests that go test runs, once each, whatever TestMain
// and the package's initialization print and do.
func TestHostile(t *testing.T) {
	t.Parallel()
	cases := make(map[string]string)
	for _, tt := range hostile {
		cases[tt.name] = tt.main
	}
	b := buildTests(t, writeCases(t, cases), ".")
	for i, tt := range hostile {
		if i%rarely() != 0 && tt.said == "" {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := []string{"CASE=" + tt.name}
			if o := sameOnce(t, b, env); !strings.Contains(o.events, tt.want) {
				t.Errorf("%q is not in the events:\n%s", tt.want, o.events)
			}
			sameOnce(t, b, env, "-test.count=2", "-test.run=TestA|TestB/x|Example", "-test.shuffle=5")
			if tt.said == "" {
				return
			}
			env = append(env, "RAN="+filepath.Join(t.TempDir(), "ran"))
			if o := isolated(t, harness.Config{Dir: b.dir}, env, "-count=1", "."); !strings.Contains(o.stderr, tt.said) {
				t.Errorf("%q is not said:\n%s", tt.said, o.stderr)
			}
		})
	}
}

// TestTwoPackages has a test of the same name in a package and in its external
// test package.
func TestTwoPackages(t *testing.T) {
	t.Parallel()
	dir := writeModule(t, map[string]string{
		"m_test.go": hostileImports + mainDecl + "os.Exit(m.Run()) }\n" + hostileTests,
		"x_test.go": "package m_test\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { t.Fatal(\"external\") }\nfunc TestX(t *testing.T) {}\n",
	})
	b := buildTests(t, dir, ".")
	sameOnce(t, b, nil)
	sameOnce(t, b, nil, "-test.count=2", "-test.run=TestA|TestB/x|Example", "-test.shuffle=5")
}

// TestNotBegun wants a test to fail whose process ends well before the test
// begins, and one package to fail that can't be divided though it seems so.
func TestNotBegun(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ main, want string }{
		"exit in TestMain": {mainDecl + `
			flag.Parse()
			if strings.Contains(flag.Lookup("test.run").Value.String(), "TestB") { os.Exit(0) }
			os.Exit(m.Run()) }`, "TestB did not begin: exit status 0"},
		"exit in init":         {initDecl + ` if strings.Contains(strings.Join(os.Args, " "), "run=^TestB") { os.Exit(0) } }`, "TestB did not begin: exit status 0"},
		"exit of the last one": {initDecl + ` if strings.Contains(strings.Join(os.Args, " "), "skip=") { os.Exit(0) } }`, "the process for tests that are not listed did not begin: exit status 0"},
		"no flags":             {mainDecl + ` os.Args = os.Args[:1]; os.Exit(m.Run()) }`, "the tests can't be listed: TestMain does not heed -test.list and -test.run"},
		"another -run":         {mainDecl + ` flag.Parse(); flag.Set("test.run", "Test"); os.Exit(m.Run()) }`, "TestMain does not heed -test.run"},
	}
	mains := make(map[string]string)
	for name, tt := range cases {
		mains[name] = tt.main
	}
	b := buildTests(t, writeCases(t, mains), ".")
	for name, tt := range cases {
		ran := filepath.Join(t.TempDir(), "ran")
		o := direct(t, b, []string{"CASE=" + name, "RAN=" + ran})
		if o.status != 1 || !strings.Contains(o.events, tt.want) {
			t.Errorf("%s: status %d, %q is not said:\n%s", name, o.status, tt.want, o.events)
		}
		if data, _ := os.ReadFile(ran); name == "no flags" && strings.Count(string(data), "TestA\n") != 1 {
			t.Errorf("%s: ran\n%s", name, data)
		}
	}
}

// TestMany runs more tests than a pattern has room for, with a pattern that
// matches half of them, and one that is missing in the list.
func TestMany(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of processes")
	}
	t.Parallel()
	n := 300
	if os.Getenv("PGTEST_LONG") != "" {
		n = 10_000
	}
	var b strings.Builder
	b.WriteString(hostileImports + `func TestMain(m *testing.M) { fmt.Print("TestX"); os.Exit(m.Run()) }` + hostileTests)
	for i := range n {
		fmt.Fprintf(&b, "func Test%d_%s(t *testing.T) { ran(t.Name()) }\n", i%7, strings.Repeat(fmt.Sprintf("%x", i*i*7919), 5))
	}
	dir := writeModule(t, map[string]string{"m_test.go": b.String()})
	sameOnce(t, buildTests(t, dir, "."), nil, "-test.run=[A-Z12]")
}
