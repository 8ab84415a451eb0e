package result

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgtest/jsonstream/event"
	"pgtest/jsonstream/internal/spool"
)

// nobody hears of ends.
type nobody struct{}

func (nobody) TestEnded(*Test)       {}
func (nobody) PackageEnded(*Package) {}

// TestOpenTestsPass has tests without an end in packages that pass.
func TestOpenTestsPass(t *testing.T) {
	r := New(Options{Spool: spool.New(""), Errors: NewErrors(""), Watcher: nobody{}})
	var d event.Decoder
	handle := func(format string, args ...any) {
		ev := d.Decode(fmt.Appendf(nil, format, args...))
		if ev == nil || r.Handle(ev) == nil {
			t.Fatalf("no event: "+format, args...)
		}
	}
	for i := range 3 {
		for _, name := range []string{"BenchmarkA", "BenchmarkA/x", "BenchmarkA/y", "BenchmarkB", "TestC"} {
			handle(`{"Action":"run","Package":"p%d","Test":%q}`, i, name)
		}
	}
	for i := range 3 {
		handle(`{"Action":"pass","Package":"p%d"}`, i)
	}
	if left := r.Running(); len(left) > 0 {
		t.Errorf("running: %+v", left)
	}
	seen := make(map[*Test]bool)
	for _, free := range r.free {
		if seen[free] {
			t.Error("a record will be used for two tests")
		}
		seen[free] = true
	}
	r.EndRound()
	for _, p := range r.Report().Packages {
		if p.Tests != 5 || p.PassedTests != 5 || p.End != Passed {
			t.Errorf("%+v", p)
		}
	}
}

// TestEndOrder has failures with several reasons.
func TestEndOrder(t *testing.T) {
	for _, tt := range []struct {
		facts facts
		want  End
	}{
		{facts{}, Failed},
		{facts{noEnd: true}, Exited},
		{facts{noEnd: true, process: Killed}, Killed},
		{facts{noEnd: true, process: Killed, beside: true}, Panicked},
		{facts{noEnd: true, process: TimedOut, beside: true, signal: true}, TimedOut},
		{facts{noEnd: true, beside: true, signal: true}, Killed},
		{facts{process: TimedOut, beside: true}, Failed},
		{facts{noEnd: true, panicked: true, process: TimedOut}, Panicked},
		{facts{raced: true, panicked: true}, Raced},
		{facts{timedOut: true, raced: true, panicked: true}, TimedOut},
		{facts{incomplete: true, build: true, timedOut: true}, NoEnd},
		{facts{build: true, panicked: true}, BuildFailed},
	} {
		if got := tt.facts.of(Failed); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.facts, got, tt.want)
		}
		for _, end := range []End{"", Passed, Skipped, Interrupted} {
			if got := tt.facts.of(end); got != end {
				t.Errorf("%s becomes %s", end, got)
			}
		}
	}
}

// TestReportJSON pins the form that programs read.
func TestReportJSON(t *testing.T) {
	var d event.Decoder
	r := New(Options{Spool: spool.New(""), Errors: NewErrors(""), Watcher: nobody{}})
	for _, line := range []string{
		`{"Time":"2026-11-23T12:00:00Z","Action":"run","Package":"p","Test":"TestA"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"panic: x\n"}`,
		`{"Action":"fail","Package":"p","Test":"TestA","Elapsed":0.5}`,
		`{"Time":"2026-11-23T12:00:01Z","Action":"fail","Package":"p","Elapsed":0.75}`,
	} {
		r.Handle(d.Decode([]byte(line)))
	}
	r.EndRound()
	got, err := json.Marshal(r.Report())
	const want = `{"Packages":[{"Path":"p","End":"panicked","Elapsed":750000000,"Cached":false,"Coverage":"","FailedBuild":"",` +
		`"NoEnd":false,"Panicked":true,"Tests":1,"PassedTests":0,` +
		`"Failed":[{"Name":"TestA","Round":0,"End":"panicked","Elapsed":500000000,"NoEnd":false,"Panicked":true,"Error":""}],` +
		`"Skipped":null,"Interrupted":null,"Flaky":null}],"Tests":1,"FailedTests":1,"SkippedTests":0,"InterruptedTests":0,"Errors":0,` +
		`"Rounds":1,"FlakyTests":0,"FailedBuilds":null,"Empty":false,"Cut":false,"Started":"2026-11-23T12:00:00Z","Elapsed":1000000000}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

// TestInterruptedElapsed interrupts a package of which go says no more, and one
// that has ended.
func TestInterruptedElapsed(t *testing.T) {
	for end, want := range map[string]time.Duration{"run": 3 * time.Second, "pass": time.Second} {
		r := New(Options{Spool: spool.New(""), Errors: NewErrors(""), Watcher: nobody{}})
		start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		for i, line := range []string{
			`{"Time":"2026-11-23T12:00:00Z","Action":"start","Package":"p"}`,
			`{"Time":"2026-11-23T12:00:01Z","Action":"` + end + `","Package":"p"}`,
		} {
			if r.Handle(new(event.Decoder).Decode([]byte(line))) == nil {
				t.Fatalf("no event in line %d", i)
			}
		}
		r.Interrupt(Interruption{At: start.Add(3 * time.Second)})
		r.EndRound()
		if got := r.Report().Elapsed; got != want {
			t.Errorf("%s: %v, want %v", end, got, want)
		}
	}
}

// TestInterruptedBuild has compilers that die of the end of the run, and others.
func TestInterruptedBuild(t *testing.T) {
	const died = "example.com/p: /go/pkg/tool/compile: signal: interrupt"
	for _, build := range []string{
		died,
		`{"ImportPath":"example.com/p","Action":"build-output","Output":"` + died + `\n"}`,
	} {
		for _, interrupted := range []bool{true, false} {
			errs := NewErrors("")
			defer errs.Close()
			r := New(Options{Spool: spool.New(""), Errors: errs, Watcher: nobody{}})
			if interrupted {
				r.Interrupt(Interruption{})
			}
			if build[0] == '{' {
				r.Handle(new(event.Decoder).Decode([]byte(build)))
			} else {
				errs.AddStderr([]byte(build))
			}
			errs.AddStderr([]byte("another"))
			if want := map[bool]int{true: 1, false: 2}[interrupted]; errs.Count() != want {
				t.Errorf("%s: %d errors, want %d", build, errs.Count(), want)
			}
		}
	}
}
