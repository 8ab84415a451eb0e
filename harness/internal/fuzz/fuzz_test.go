package fuzz

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgtest/harness/gotest"
)

// fakeGo is a go command that notes its words, and prints what the file of its
// target holds.
const fakeGo = `#!/bin/sh
cd "${0%/*}"
echo "$*" >>words
for word; do case $word in -fuzz=*|-run=^Fuzz*) name=${word#*=^}; name=${name%$};; esac; done
cat "$name"
! grep -qE '"Action":"(build-)?fail"' "$name"
`

// run fuzzes targets by a fake go command, and returns the events, the summary and
// the words of each go test.
func run(t *testing.T, limit time.Duration, targets []Target, outputs map[string][]event) (events []event, summary string, words []string) {
	t.Helper()
	fakeTargets(t, outputs)
	var out, said bytes.Buffer
	s := newSession(gotest.Parse([]string{"-race", "./..."}), targets, &out)
	s.run(context.Background(), limit)
	s.summarize(&said)
	for line := range bytes.Lines(out.Bytes()) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		events = append(events, e)
	}
	return events, said.String(), wordsOfGo()
}

// wordsOfGo are those that the fake go command was called with, each time.
func wordsOfGo() []string {
	goPath, _ := exec.LookPath("go")
	text, _ := os.ReadFile(filepath.Join(filepath.Dir(goPath), "words"))
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// fakeTargets puts a fake go command in front of PATH.
func fakeTargets(t *testing.T, outputs map[string][]event) {
	t.Helper()
	dir := t.TempDir()
	for name, output := range outputs {
		var text bytes.Buffer
		for _, e := range output {
			line, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(append(line, '\n'))
		}
		if err := os.WriteFile(filepath.Join(dir, name), text.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(fakeGo), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

// cancelling ends a run when its first event is printed.
type cancelling struct {
	bytes.Buffer
	cancel context.CancelFunc
}

func (c *cancelling) Write(p []byte) (int, error) {
	c.cancel()
	return c.Buffer.Write(p)
}

// TestSignalOnItsWay ends a run whose signal go test has first: nothing fails by that,
// and no other target begins.
func TestSignalOnItsWay(t *testing.T) {
	fakeTargets(t, nil)
	path, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	killed := "#!/bin/sh\necho \"$*\" >>\"${0%/*}/words\"\nkill -TERM $$\n"
	if err := os.WriteFile(path, []byte(killed), 0o777); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := newSession(gotest.Parse([]string{"./..."}), []Target{{"m", "/m", "FuzzA"}, {"m", "/m", "FuzzB"}}, io.Discard)
	time.AfterFunc(200*time.Millisecond, cancel)
	s.run(ctx, time.Hour)
	if words := wordsOfGo(); len(words) != 1 || s.targets[0].failed {
		t.Errorf("go test ran %d times; failed: %v", len(words), s.targets[0].failed)
	}
}

// TestSignalled ends a run in which a worker has the signal first: its end is no
// crash, and its input is no failing one. A crash at that time is one, and so is a
// worker that ends like this without a signal.
func TestSignalled(t *testing.T) {
	for _, tt := range []struct {
		why              string
		signals, crashes bool
	}{{"<nil>", true, false}, {"signal: interrupt", true, false}, {"exit status 2", true, true}, {"<nil>", false, true}} {
		why, crashes := tt.why, tt.crashes
		dir := t.TempDir()
		file := filepath.Join(dir, "testdata", "fuzz", "FuzzA", "abc")
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		fakeTargets(t, map[string][]event{"FuzzB": of("m", "FuzzB", "pass"), "FuzzA": of("m", "FuzzA", "fail", "--- FAIL: FuzzA (0.08s)\n",
			"    fuzzing process hung or terminated unexpectedly: "+why+"\n", "    Failing input written to testdata/fuzz/FuzzA/abc\n")})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		out, said := cancelling{cancel: cancel}, bytes.Buffer{}
		if !tt.signals {
			out.cancel = func() {}
		}
		s := newSession(gotest.Parse(nil), []Target{{"m", dir, "FuzzA"}, {"m", dir, "FuzzB"}}, &out)
		s.run(ctx, time.Hour)
		s.summarize(&said)
		_, err := os.Stat(file)
		shown := strings.Contains(out.String(), `"fail"`)
		failed := "pgtest: --fuzz-all: 1 target, 0 failed;"
		if !tt.signals {
			failed = "pgtest: --fuzz-all: 2 targets, 1 failed;"
		} else if crashes {
			failed = "pgtest: --fuzz-all: 1 target, 1 failed;"
		}
		if late := "the run ended before 1 target: FuzzB"; strings.Contains(said.String(), late) != tt.signals || !strings.Contains(said.String(), failed) {
			t.Errorf("%+v: %s", tt, said.String())
		}
		if (err == nil) != crashes || shown != crashes || strings.Contains(said.String(), "crashed") != crashes {
			t.Errorf("%+v: %v, %s%s", tt, err, out.String(), said.String())
		}
	}
}

// of are the events of a go test that fuzzes a target.
func of(pkg, test, action string, outputs ...string) []event {
	all := []event{{Action: "start", Package: pkg}, {Action: "run", Package: pkg, Test: test}}
	for _, text := range outputs {
		all = append(all, event{Action: "output", Package: pkg, Test: test, Output: text})
	}
	all = append(all, event{Action: action, Package: pkg, Test: test})
	verdict := []string{"PASS\n", "ok  \t" + pkg + "\t1.5s\n"}
	if action == "fail" {
		verdict = []string{"FAIL\n", "exit status 1\n", "FAIL\t" + pkg + "\t1.5s\n"}
	}
	for _, text := range verdict {
		all = append(all, event{Action: "output", Package: pkg, Output: text})
	}
	return append(all, event{Action: action, Package: pkg, Elapsed: 1.5})
}

func TestRun(t *testing.T) {
	targets := []Target{{"m/a", "/m/a", "FuzzA"}, {"m/b", "/m/b", "FuzzB"}, {"m/a", "/m/a", "FuzzC"}, {"m/d", "/m/d", "FuzzD"}, {"m/d", "/m/d", "FuzzE"}}
	events, summary, words := run(t, time.Hour, targets, map[string][]event{
		"FuzzA": of("m/a", "FuzzA", "pass", "fuzz: elapsed: 3s, execs: 40 (13/sec), new interesting: 1 (total: 5)\n", "fuzz: elapsed: 6s, execs: 90 (0/sec), new interesting: 4 (total: 8)\n"),
		"FuzzB": of("m/b", "FuzzB", "fail", "    Failing input written to testdata/fuzz/FuzzB/a.c\n"),
		"FuzzC": of("m/a", "FuzzC", "fail", "failure while testing seed corpus entry: FuzzC/seed#0\n"),
		"FuzzD": {{Action: "start", Package: "m/d"}, {Action: "output", Package: "m/d", Output: "FAIL\tm/d [build failed]\n"}, {Action: "fail", Package: "m/d", FailedBuild: "m/d"}},
	})
	got := ofPackages(events)
	want := []string{"start m/a", "start m/b", "output m/b FAIL\tm/b\t1.500s", "fail m/b", "output m/a FAIL\tm/a\t3.000s", "fail m/a", "start m/d", "output m/d FAIL\tm/d [build failed]", "fail m/d"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	const text = `pgtest: --fuzz-all: m/a FuzzA: 90 executions, 4 new interesting inputs in 0s
pgtest: --fuzz-all: m/b FuzzB crashed: /m/b/testdata/fuzz/FuzzB/a.c
    go test -run='^FuzzB$/^a\.c$' m/b
pgtest: --fuzz-all: m/a FuzzC crashed
    go test -run='^FuzzC$/^seed#0$' m/a
pgtest: --fuzz-all: m/d FuzzD: it is not built
pgtest: --fuzz-all: m/d FuzzE: it is not built
pgtest: --fuzz-all: 4 targets, 3 failed; 90 executions, 4 new interesting inputs
`
	if summary != text {
		t.Errorf("%s", summary)
	}
	if len(words) != 4 || !strings.Contains(words[0], "-run=^$") || !strings.Contains(words[0], "-fuzz=^FuzzA$") || !strings.Contains(words[0], "-fuzztime=12m0s") ||
		!strings.HasSuffix(words[0], "-race m/a") || !strings.Contains(words[3], "-fuzztime=29m") {
		t.Errorf("%q", words)
	}
}

// ofPackages are the events that are of no test.
func ofPackages(events []event) (got []string) {
	for _, e := range events {
		if e.Test == "" {
			got = append(got, strings.TrimSpace(fmt.Sprint(e.Action, " ", e.Package, " ", e.Output)))
		}
	}
	return got
}

// TestEnds has a package whose first target alone fails, one of which the last go test
// tells no end, one whose imports are not found, and a target that fails without an
// input. Of one go test says by its status alone that it failed.
func TestEnds(t *testing.T) {
	targets := []Target{{"m/a", "/m/a", "FuzzA"}, {"m/a", "/m/a", "FuzzB"}, {"m/c", "/m/c", "FuzzC"}, {"m/c", "/m/c", "FuzzD"}, {"m/e", "/m/e", "FuzzE"}, {"m/f", "/m/f", "FuzzF"}, {"m/g", "/m/g", "FuzzG"}}
	events, summary, _ := run(t, time.Hour, targets, map[string][]event{
		"FuzzA": of("m/a", "FuzzA", "fail"), "FuzzB": of("m/a", "FuzzB", "pass"),
		"FuzzC": of("m/c", "FuzzC", "pass"), "FuzzD": of("m/c", "FuzzD", "pass")[:2],
		"FuzzE": {{Action: "start", Package: "m/e"}, {Action: "output", Package: "m/e", Output: "FAIL\tm/e [setup failed]\n"}, {Action: "fail", Package: "m/e", FailedBuild: "m/e"}},
		"FuzzF": {{Action: "build-fail"}},
		"FuzzG": append([]event{{Action: "output", Package: "m/g", Output: "printed\n"}}, of("m/g", "FuzzG", "pass")...),
	})
	want := []string{"start m/a", "output m/a FAIL\tm/a\t3.000s", "fail m/a", "start m/c", "start m/e", "output m/e FAIL\tm/e [setup failed]", "fail m/e", "build-fail",
		"output m/g printed", "start m/g", "output m/g ok  \tm/g\t1.500s", "pass m/g"}
	if got := ofPackages(events); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if first, _, _ := strings.Cut(summary, "\n"); first != "pgtest: --fuzz-all: m/a FuzzA failed" {
		t.Error(summary)
	}
	if !strings.Contains(summary, "m/f FuzzF failed\n") {
		t.Error(summary)
	}
}

// TestNoEvent has a line of the go command that is no event.
func TestNoEvent(t *testing.T) {
	var out bytes.Buffer
	s := newSession(gotest.Parse(nil), []Target{{"m/a", "/m/a", "FuzzA"}}, &out)
	if s.events.line([]byte("warning\n"), s.targets[0]); out.String() != "warning\n" {
		t.Error(out.String())
	}
}

// TestBuildTime has builds that take long, also of a package that is not built, and
// take nothing from the targets.
func TestBuildTime(t *testing.T) {
	fakeTargets(t, map[string][]event{
		"FuzzA": {{Action: "start", Package: "m/a"}, {Action: "fail", Package: "m/a", FailedBuild: "m/a"}},
		"FuzzB": of("m/b", "FuzzB", "pass"), "FuzzC": of("m/b", "FuzzC", "pass"),
	})
	s := newSession(gotest.Parse(nil), []Target{{"m/a", "/m/a", "FuzzA"}, {"m/b", "/m/b", "FuzzB"}, {"m/b", "/m/b", "FuzzC"}}, new(bytes.Buffer))
	minutes := []int{0, 10, 10, 20, 21, 21, 30, 31, 31, 31} // FuzzB begins at 20 and ends at 21
	s.events.now = func() time.Time {
		at := time.Time{}.Add(time.Duration(minutes[0]) * time.Minute)
		minutes = minutes[1:]
		return at
	}
	s.run(t.Context(), 12*time.Minute)
	for i, want := range []string{"4m0s", "6m0s", "11m0s"} {
		if words := wordsOfGo(); i >= len(words) || !strings.Contains(words[i], "-fuzztime="+want+" ") {
			t.Errorf("%d: no %s in %q", i, want, words)
		}
	}
}

// TestNoTime has the seeds run of targets for which no time is left.
func TestNoTime(t *testing.T) {
	targets := []Target{{"m/a", "/m/a", "FuzzA"}, {"m/a", "/m/a", "FuzzB"}, {"m/c", "/m/c", "FuzzC"}}
	seed := event{Action: "fail", Package: "m/c", Test: "FuzzC/seed#0"}
	_, summary, words := run(t, 1, targets, map[string][]event{
		"FuzzA": of("m/a", "FuzzA", "pass"), "FuzzB": of("m/a", "FuzzB", "pass"), "FuzzC": append([]event{seed}, of("m/c", "FuzzC", "fail")...),
	})
	const text = `pgtest: --fuzz-all: m/a FuzzA: 0 executions, 0 new interesting inputs in 0s
pgtest: --fuzz-all: m/c FuzzC crashed
    go test -run='^FuzzC$/^seed#0$' m/c
pgtest: --fuzz-all: no time to fuzz 1 target, of which the seeds were run: FuzzB
pgtest: --fuzz-all: 3 targets, 1 failed; 0 executions, 0 new interesting inputs
`
	if summary != text {
		t.Errorf("%s", summary)
	}
	if len(words) != 3 || !strings.Contains(words[1], "-run=^FuzzB$") || strings.Contains(words[1], "-fuzz") {
		t.Errorf("%q", words)
	}
}

// TestShare has more targets than time.
func TestShare(t *testing.T) {
	s := share{least: 3 * time.Second, left: 7 * time.Second}
	for i, want := range []time.Duration{3 * time.Second, 3 * time.Second, 0} {
		got := s.next(3 - i)
		if got != want {
			t.Errorf("target %d has %v, want %v", i, got, want)
		}
		s.left -= got
	}
	if got := (&share{least: time.Second, left: time.Second}).next(9); got != time.Second {
		t.Errorf("the first one has %v", got)
	}
}
