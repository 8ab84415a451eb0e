package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"pgtest/harness/harnesstest"
	"pgtest/jsonstream"
	"pgtest/jsonstream/result"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const eventsText = `{"Time":"2026-11-26T06:00:00Z","Action":"start","Package":"m/a"}
{"Time":"2026-11-26T06:00:00Z","Action":"run","Package":"m/a","Test":"TestGood"}
{"Time":"2026-11-26T06:00:01Z","Action":"pass","Package":"m/a","Test":"TestGood","Elapsed":1}
{"Time":"2026-11-26T06:00:01Z","Action":"run","Package":"m/a","Test":"TestBad"}
{"Time":"2026-11-26T06:00:01Z","Action":"output","Package":"m/a","Test":"TestBad","Output":"    a_test.go:9: wrong\n"}
{"Time":"2026-11-26T06:00:02Z","Action":"fail","Package":"m/a","Test":"TestBad","Elapsed":0.25}
{"Time":"2026-11-26T06:00:02Z","Action":"output","Package":"m/a","Output":"FAIL\n"}
{"Time":"2026-11-26T06:00:02Z","Action":"fail","Package":"m/a","Elapsed":2.5}
`

func begin(t *testing.T, s *Store) *Recorder {
	t.Helper()
	r, err := s.Begin(Header{Started: time.Now(), Command: []string{"./..."}, Dir: "/m"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// feed gives a Recorder a run of some events.
func feed(t testing.TB, r *Recorder, events string) {
	t.Helper()
	s, err := jsonstream.New(jsonstream.Options{Format: "none", NoSummary: true, History: r})
	if err != nil {
		t.Fatal(err)
	}
	s.ReadOutput(strings.NewReader(events))
	if _, err := s.Finish(); err != nil {
		t.Fatal(err)
	}
}

func newStore(t testing.TB) *Store { return Open(filepath.Join(t.TempDir(), "state"), "/m") }

func runs(s *Store) []*Run { return slices.Collect(s.Runs()) }

func events(t *testing.T, r *Run) string {
	t.Helper()
	in, err := r.Events()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	text, err := io.ReadAll(in)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func TestRun(t *testing.T) {
	s := newStore(t)
	r := begin(t, s)
	feed(t, r, eventsText)
	if lines := r.Finish(Failed, 1); lines != nil {
		t.Error(lines)
	}
	run, err := s.Find("last")
	if err != nil {
		t.Fatal(err)
	}
	if run.ID != "1" || run.Dir != "/m" || run.Outcome != Failed || run.ExitCode != 1 || run.Tests != 2 || run.FailedTests != 1 ||
		run.Elapsed != 2*time.Second || len(run.Slow) != 2 || run.Slow[0].Test != "TestGood" {
		t.Errorf("%+v", run)
	}
	want := fmt.Sprint([]Package{{Path: "m/a", End: result.Failed, Elapsed: 2500 * time.Millisecond, Failed: []string{"TestBad"}}})
	if got := fmt.Sprint(run.Packages); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := events(t, run); got != eventsText {
		t.Errorf("events:\n%s", got)
	}
	var tests []string
	if err := run.ReadTests(func(t Test) { tests = append(tests, fmt.Sprint(t)) }); err != nil {
		t.Error(err)
	}
	if got := strings.Join(tests, "\n"); got != "{m/a TestGood 0 passed 1s }\n{m/a TestBad 0 failed 250ms a_test.go:9: wrong}" {
		t.Error(got)
	}
	for _, name := range []string{"", "0", "x", "2", "-2"} {
		if _, err := s.Find(name); err == nil {
			t.Errorf("Find(%q) finds a run", name)
		}
	}
}

// TestManyTests has more lines of tests than are held, and more events than a file
// takes with outputs.
func TestManyTests(t *testing.T) {
	s := newStore(t)
	r := begin(t, s)
	const tests = linesPiece / 20
	var stream strings.Builder
	for i := range tests {
		fmt.Fprintf(&stream, `{"Action":"run","Package":"m/a","Test":"TestOfAName%06d"}`+"\n"+`{"Action":"pass","Package":"m/a","Test":"TestOfAName%06d"}`+"\n", i, i)
	}
	r.w.ready.size = maxEvents + 1
	feed(t, r, stream.String()+`{"Action":"output","Package":"m/a","Output":"x\n"}`+"\n")
	r.Finish(Passed, 0)
	run, err := s.Find("last")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	if err := run.ReadTests(func(t Test) { seen[t.Name] = true }); err != nil || len(seen) != tests {
		t.Errorf("%v: %d tests, want %d", err, len(seen), tests)
	}
	if got := events(t, run); !strings.HasPrefix(got, stream.String()) || strings.Contains(got, "output") {
		t.Errorf("%d bytes of events", len(got))
	}
}

// TestKilled ends recordings at every place of their files. Each is in the
// history as far as it came, and one says so once.
func TestKilled(t *testing.T) {
	s := newStore(t)
	r := begin(t, s)
	feed(t, r, eventsText)
	r.Finish(Failed, 1)
	path := filepath.Join(s.dir, "1.pgtest")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := content{ReaderAt: bytes.NewReader(file), size: int64(len(file))}
	if _, _, err := c.readHeader(); err != nil {
		t.Fatal(err)
	}
	for size := 0; size < len(file); size += 29 {
		if err := os.WriteFile(path, file[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		got := runs(s)
		if int64(size) < c.head {
			if len(got) > 0 {
				t.Fatalf("%d bytes: %+v", size, got[0])
			}
			continue
		}
		if len(got) != 1 || got[0].Outcome != Killed || got[0].Dir != "/m" || !got[0].mended {
			t.Fatalf("%d bytes: %+v", size, got)
		}
		if again := runs(s); len(again) != 1 || again[0].mended {
			t.Fatalf("%d bytes: not completed", size)
		}
		for line := range strings.Lines(events(t, got[0])) {
			if !strings.Contains(eventsText, line) && !strings.Contains(line, "NoEnd") {
				t.Errorf("%d bytes: %q", size, line)
			}
		}
	}
	if names, _ := filepath.Glob(filepath.Join(s.dir, tempPrefix+"*")); names != nil {
		t.Errorf("left behind: %q", names)
	}
}

// TestCut is about a run that is killed while a test runs: the test was
// interrupted, and what had its end keeps it.
func TestCut(t *testing.T) {
	s := newStore(t)
	r := begin(t, s)
	lines := strings.SplitAfter(eventsText, "\n")
	r.Write([]byte(strings.Join(lines[:4], "")))
	for n, limit := 0, time.Now().Add(time.Minute); n < 4; time.Sleep(time.Millisecond) {
		if run, err := s.Find("1"); err == nil {
			n = strings.Count(events(t, run), "\n")
		}
		if time.Now().After(limit) {
			t.Fatalf("%d lines are on the disk", n)
		}
	}
	if got := runs(s); len(got) != 1 || got[0].Outcome != Running {
		t.Fatalf("%+v", got)
	}
	if _, err := s.Find("last"); err == nil {
		t.Error("a run that goes on is the last one")
	}
	// What another process that was killed would leave.
	if err := os.WriteFile(filepath.Join(s.dir, "2.pgtest"), readAll(t, filepath.Join(s.dir, "1.pgtest")), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Abort()
	run, err := s.Find("last")
	if err != nil || run.ID != "2" || run.Outcome != Killed || run.ExitCode != -1 {
		t.Fatalf("%+v, %v", run, err)
	}
	p := run.Packages[0]
	if p.End != result.Interrupted || !p.Rest || !slices.Equal(p.Interrupted, []string{"TestBad"}) || run.Tests != 2 {
		t.Errorf("%+v", p)
	}
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestForeign puts other things where the files of runs are.
func TestForeign(t *testing.T) {
	s := newStore(t)
	r := begin(t, s)
	feed(t, r, eventsText)
	r.Finish(Failed, 1)
	good := readAll(t, filepath.Join(s.dir, "1.pgtest"))
	newer := bytes.Replace(good, []byte("history 2"), []byte("history 3"), 1)
	outside := filepath.Join(t.TempDir(), "file")
	for name, content := range map[string]string{
		"2.pgtest": "", "3.pgtest": "a text that is no run, and long enough to be one", "4.pgtest": string(newer),
		"005.pgtest": "x", "notes": "x", "6.pgtest.bak": "x", outside: "x",
	} {
		if !filepath.IsAbs(name) {
			name = filepath.Join(s.dir, name)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink(outside, filepath.Join(s.dir, "7.pgtest")), os.Mkdir(filepath.Join(s.dir, "8.pgtest"), 0o700),
		syscall.Mkfifo(filepath.Join(s.dir, "9.pgtest"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if got := runs(s); len(got) != 1 || got[0].ID != "1" {
		t.Errorf("%+v", got)
	}
	for name, want := range map[string]string{"3": "not the file of a run", "4": "written by a later version", "7": "no such run"} {
		if _, err := s.Find(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Find(%s): %v, want %q", name, err, want)
		}
	}
	r = begin(t, s)
	feed(t, r, eventsText)
	lines := r.Finish(Failed, 1)
	if len(lines) != 1 || !strings.Contains(lines[0], "removed what is damaged: ") || strings.Count(lines[0], ".pgtest") != 2 {
		t.Errorf("%q", lines)
	}
	r = begin(t, s)
	feed(t, r, eventsText)
	if lines := r.Finish(Failed, 1); lines != nil {
		t.Errorf("%q", lines)
	}
	var names []string
	for _, entry := range dirEntries(t, s.dir) {
		names = append(names, entry.Name())
	}
	// 5.pgtest may be taken, as no run has its name.
	want := "005.pgtest 1.pgtest 4.pgtest 5.pgtest 6.pgtest 6.pgtest.bak 7.pgtest 8.pgtest 9.pgtest notes root"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func dirEntries(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// TestSideBySide records and reads at once. Each run has a number of its own.
func TestSideBySide(t *testing.T) {
	s := newStore(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			r := begin(t, s)
			feed(t, r, eventsText)
			if lines := r.Finish(Failed, 1); lines != nil {
				t.Error(lines)
			}
			s.Estimates()
		})
	}
	all.Wait()
	got := runs(s)
	for i, run := range got {
		if run.ID != fmt.Sprint(20-i) || run.Outcome != Failed || run.Tests != 2 {
			t.Errorf("%+v", run)
		}
	}
	if len(got) != 20 {
		t.Errorf("%d runs", len(got))
	}
}

// TestBounds keeps what is within each bound.
func TestBounds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		bound func(s *Store, size int64)
		want  int
	}{
		{"number", func(s *Store, size int64) { s.MaxRuns = 3 }, 3},
		{"size", func(s *Store, size int64) { s.MaxSize = 4*size + size/2 }, 4},
		{"age", func(s *Store, size int64) { s.MaxAge = time.Hour }, 1},
	} {
		s := newStore(t)
		for range 6 {
			r := begin(t, s)
			feed(t, r, eventsText)
			r.Finish(Failed, 1)
		}
		info, err := os.Stat(filepath.Join(s.dir, "1.pgtest"))
		if err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-2 * time.Hour)
		for _, n := range "12345" {
			os.Chtimes(filepath.Join(s.dir, string(n)+".pgtest"), old, old)
		}
		tt.bound(s, info.Size())
		if lines := s.tidy(t.Context()); lines != nil {
			t.Errorf("%s: %q", tt.name, lines)
		}
		if got := runs(s); len(got) != tt.want || got[0].ID != "6" {
			t.Errorf("%s: %d runs, want %d", tt.name, len(got), tt.want)
		}
	}
}

// TestNoHistory is about places where nothing can be kept.
func TestNoHistory(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "x"), "/m").Begin(Header{}); err == nil || !strings.Contains(err.Error(), "file: not a directory") {
		t.Error(err)
	}
	for _, env := range [][2]string{{"", ""}, {"relative", ""}, {"", "relative"}} {
		t.Setenv("XDG_STATE_HOME", env[0])
		t.Setenv("HOME", env[1])
		if dir, err := DefaultDir(); err == nil {
			t.Errorf("%q: %s", env, dir)
		}
	}
}

// full is a disk that is full after some bytes.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.room {
		return 0, syscall.ENOSPC
	}
	f.room -= len(p)
	return len(p), nil
}

// TestFullDisk runs out of room at each place.
func TestFullDisk(t *testing.T) {
	for room := 0; ; room += 40 {
		r := newRecorder(&full{room})
		feed(t, r, eventsText)
		err := r.end(Failed, 1)
		if err == nil && room > 100 {
			break
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%d bytes: %v", room, err)
		}
	}
}

// stuck is a disk that takes nothing.
type stuck struct{ free chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	<-s.free
	return len(p), nil
}

func TestStuckDisk(t *testing.T) {
	patience = 10 * time.Millisecond
	defer func() { patience = 2 * time.Second }()
	disk := stuck{make(chan struct{})}
	r := newRecorder(disk)
	line := make([]byte, 300<<10)
	rand.NewChaCha8([32]byte{}).Read(line)
	for range 3 * queueLength {
		r.Write(line)
	}
	if !r.w.ended.Load() {
		t.Error("the run still waits for the disk")
	}
	if err := r.end(Failed, 1); err != errSlow {
		t.Error(err)
	}
	close(disk.free)
	<-r.w.done
}

// TestBeside waits for what goes on beside a run as long as it gets on.
func TestBeside(t *testing.T) {
	for name, stuck := range map[string]bool{"gets on": false, "is stuck": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, err := os.CreateTemp(t.TempDir(), "")
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				r := &record{file: f, path: f.Name(), beside: steps{ctx, make(chan struct{}, 1)}, cancel: cancel, tree: make(chan struct{}), tidied: make(chan []string, 1)}
				close(r.tree)
				var beside sync.WaitGroup
				beside.Go(func() {
					for range 20 {
						time.Sleep(besidePatience * 2 / 3)
						if !stuck && r.beside.Err() != nil {
							return
						}
					}
					r.tidied <- []string{"done"}
				})
				lines := r.close(true)
				beside.Wait()
				if stuck && lines != nil || !stuck && !slices.Equal(lines, []string{"done"}) {
					t.Errorf("%q", lines)
				}
			})
		})
	}
}

// TestEstimates takes the latest time of a package that tells how long it takes.
func TestEstimates(t *testing.T) {
	s := newStore(t)
	record := func(h Header, seconds float64, output string) {
		r, err := s.Begin(h)
		if err != nil {
			t.Fatal(err)
		}
		feed(t, r, fmt.Sprintf(`{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t%s\n"}
{"Action":"pass","Package":"p","Elapsed":%v}
`, output, seconds))
		r.Finish(Passed, 0)
	}
	check := func(want time.Duration) {
		t.Helper()
		if got := s.Estimates()["p"]; got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	check(0)
	record(Header{Narrow: []string{"-run=X"}}, 0.5, "0.5s")
	check(500 * time.Millisecond)
	record(Header{}, 3, "3s")
	check(3 * time.Second)
	record(Header{}, 0.1, "(cached)")
	record(Header{Outstanding: true}, 0.2, "0.2s")
	check(3 * time.Second)
	record(Header{}, 4, "4s")
	check(4 * time.Second)
}

// TestTree tells the same source files from others.
func TestTree(t *testing.T) {
	harnesstest.Need(t, "git")
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(words ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.com"}, words...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	tree := func() Tree { return treeOf(t.Context(), dir) }
	if got := tree(); got != (Tree{}) {
		t.Errorf("no repository: %v", got)
	}
	run("init", "-q")
	write("a.go", "package a\n")
	if got := tree(); got != (Tree{}) {
		t.Errorf("no commit: %v", got)
	}
	run("add", ".")
	run("commit", "-qm", "x")
	clean := tree()
	if len(clean.Commit) < 40 || clean.Changes != "" {
		t.Errorf("clean: %v", clean)
	}
	write("coverage.out", "x")
	if got := tree(); got != clean {
		t.Errorf("an output: %v", got)
	}
	seen := map[Tree]string{clean: "clean"}
	for _, change := range [][2]string{{"a.go", "package a // 1\n"}, {"a.go", "package a // 2\n"}, {"b é.go", "package a\n"}, {"b é.go", "package a // 1\n"}} {
		write(change[0], change[1])
		got := tree()
		if got != tree() || got.Commit != clean.Commit || seen[got] != "" {
			t.Errorf("%q: %v, as %q", change, got, seen[got])
		}
		seen[got] = change[1]
	}
}

// TestFlaky finds tests that both passed and failed with one tree.
func TestFlaky(t *testing.T) {
	at := func(hour int, tree Tree, cached bool, tests ...Test) *Run {
		var lines testLines
		for _, test := range tests {
			test.Package = "p"
			lines.add(test)
		}
		enc, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer enc.Close()
		h := Header{Started: time.Date(2026, 11, 26, hour, 0, 0, 0, time.UTC)}
		s := Summary{Outcome: Failed, Packages: []Package{{Path: "p", Cached: cached}}}
		header, _, headerErr := encodeHeader(h, tree)
		end, endErr := encodeEnd(enc.EncodeAll(lines.text, nil), s)
		if err := errors.Join(headerErr, endErr); err != nil {
			t.Fatal(err)
		}
		return &Run{Header: h, Tree: tree, Summary: s, memory: append(header, end...)}
	}
	good, bad := func(name string) Test { return Test{Name: name, End: result.Passed} }, func(name, why string) Test {
		return Test{Name: name, End: result.Failed, Line: why}
	}
	again := func(t Test) Test { t.Round = 1; return t }
	x, y, dirty := Tree{Commit: "x"}, Tree{Commit: "y"}, Tree{Commit: "x", Changes: "c"}
	got, err := Flaky(slices.Values([]*Run{
		at(9, y, false, bad("TestA", "new"), bad("TestBroken", "")),
		at(8, y, true, good("TestBroken")),
		at(7, y, false, good("TestA"), good("TestA")),
		at(6, dirty, false, bad("TestFixed", "")),
		at(5, x, false, good("TestFixed"), bad("TestA", "old"), bad("TestS/y", "sub"), bad("TestS", "a subtest failed: TestS/y")),
		at(4, x, false, good("TestA"), good("TestS/y"), good("TestS")),
		at(3, Tree{}, false, bad("TestRound", "round"), again(good("TestRound"))),
		at(2, Tree{}, false, good("TestNone")),
		at(1, Tree{}, false, bad("TestNone", "")),
	}))
	var lines []string
	for _, f := range got {
		lines = append(lines, fmt.Sprintf("%s %d/%d %d since %d: %s", f.Name, f.Failures, f.Runs, f.Trees, f.Since.Hour(), f.Line))
	}
	want := []string{"TestA 2/5 2 since 5: new", "TestRound 1/2 1 since 3: round", "TestS/y 1/2 1 since 5: sub"}
	if err != nil || !slices.Equal(lines, want) {
		t.Errorf("%v: %q, want %q", err, lines, want)
	}
}
