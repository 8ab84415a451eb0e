// Package quarantine excuses tests in quarantine that failed: they count as skipped,
// for a reason that they print, and a package in which nothing else failed has
// passed. It changes lines of events, so that all outputs say the same.
package quarantine

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"pgtest/jsonstream/event"
	"pgtest/jsonstream/result"
)

// A Verdict says whether a test is in quarantine, and why.
type Verdict struct {
	Until   string // the last day, as 2027-01-31, "" for a test that is in no quarantine
	Reason  string
	Where   string // it stands
	Expired bool
}

// A Watch follows the events of a stream.
type Watch struct {
	// Of returns what holds for a test.
	Of func(pkg, test string) Verdict
	// Cut says that a failure keeps other tests of its package from running, as
	// -failfast does.
	Cut bool

	packages map[string]*state
	scratch  []byte
}

// state is what is known of a package that runs.
type state struct {
	excused map[string]bool      // tests that failed in quarantine
	failed  bool                 // others failed
	subs    map[string]*subtests // of tests that run
	said    map[string]bool      // tests that have the reason among their output
	panics  string               // the test that printed a panic
	verdict bool                 // testing itself said FAIL: all tests came to their end
	other   bool                 // the process failed otherwise than with tests
	typed   bool                 // outputs say which of them are errors, as from Go 1.27 on
}

// subtests is what became of those of a test.
type subtests struct {
	excused, failed bool
	erred           bool // the test printed an error of its own, or may have
}

func newState() *state {
	return &state{excused: make(map[string]bool), subs: make(map[string]*subtests), said: make(map[string]bool)}
}

func (s *state) of(test string) *subtests {
	if s.subs[test] == nil {
		s.subs[test] = new(subtests)
	}
	return s.subs[test]
}

// above calls f for the tests that a subtest is in.
func (s *state) above(test string, f func(*subtests)) {
	for i := strings.LastIndexByte(test, '/'); i >= 0; i = strings.LastIndexByte(test[:i], '/') {
		f(s.of(test[:i]))
	}
}

// Take returns the lines to read in place of an event's, and false if it stays as
// it is.
func (w *Watch) Take(ev *event.Event) ([][]byte, bool) {
	if len(ev.Package) == 0 || len(ev.NoEnd.Raw) > 0 || ev.Line == nil {
		return nil, false
	}
	s := w.packages[string(ev.Package)]
	if s == nil {
		if w.packages == nil {
			w.packages = make(map[string]*state)
		}
		s = newState()
		w.packages[string(ev.Package)] = s
	}
	if len(ev.Test) == 0 {
		return w.ofPackage(s, ev)
	}
	return w.ofTest(s, ev)
}

func (w *Watch) ofTest(s *state, ev *event.Event) ([][]byte, bool) {
	test := string(ev.Test)
	switch ev.Kind {
	case event.Run:
		delete(s.subs, test) // of an earlier run of it
	case event.Output:
		out := ev.Output.Bytes(&w.scratch)
		s.typed = s.typed || len(ev.OutputType.Raw) > 0
		switch {
		case string(ev.OutputType.Raw) == "error", !s.typed && logged().Match(out):
			s.of(test).erred = true
		case bytes.HasPrefix(out, []byte(expiredLine)):
			s.said[test] = true
		case result.LooksPanicked(out):
			s.panics = test
		}
	case event.Fail:
		return w.failed(s, ev, test)
	}
	return nil, false
}

// logged is a line that t.Error wrote, or t.Log.
var logged = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^ +[^ :]+\.go:[0-9]+: `) })

// failed decides on a failed test.
func (w *Watch) failed(s *state, ev *event.Event, test string) ([][]byte, bool) {
	v, subs := w.Of(string(ev.Package), test), s.of(test)
	switch {
	case v.Until != "" && !v.Expired:
		s.excused[test] = true
		s.above(test, func(parent *subtests) { parent.excused = true })
		return w.replace(s, ev, "skip", result.QuarantinedLine+v.text()), true
	case subs.excused && !subs.failed && !subs.erred && test != s.panics:
		return w.replace(s, ev, "pass", ""), true // it failed because of its subtests
	}
	s.failed = true
	s.above(test, func(parent *subtests) { parent.failed = true })
	if v.Until != "" {
		return w.replace(s, ev, "fail", expiredLine+v.text()), true
	}
	return nil, false
}

const expiredLine = "    its quarantine has expired: it was until "

func (v Verdict) text() string { return v.Until + ": " + v.Reason + " (" + v.Where + ")\n" }

// excuses reports whether the package failed for nothing that counts.
func (w *Watch) excuses(s *state) bool {
	return s.verdict && !s.other && !w.Cut && len(s.excused) > 0 && !s.failed
}

func (w *Watch) ofPackage(s *state, ev *event.Event) ([][]byte, bool) {
	switch ev.Kind {
	case event.Start:
		delete(w.packages, string(ev.Package))
	case event.Output:
		out := ev.Output.Bytes(&w.scratch)
		switch {
		case string(out) == "FAIL\n":
			s.verdict = true
			if w.excuses(s) {
				return [][]byte{output(ev, "", "PASS\n")}, true
			}
		case bytes.HasPrefix(out, []byte("exit status ")) && string(out) != "exit status 1\n", bytes.HasPrefix(out, []byte("signal: ")):
			s.other = true
		case result.LooksPanicked(out):
			s.other = true
		case bytes.HasPrefix(out, []byte("FAIL\t")) && w.excuses(s):
			return [][]byte{output(ev, "", "ok  "+string(bytes.TrimPrefix(out, []byte("FAIL"))))}, true
		}
	case event.Fail:
		delete(w.packages, string(ev.Package))
		switch {
		case w.excuses(s):
			return [][]byte{withAction(ev.Line, "pass")}, true
		case len(s.excused) > 0 && !s.failed:
			names := strings.Join(slices.Sorted(maps.Keys(s.excused)), ", ")
			why := "the package failed for another reason"
			if !s.verdict || w.Cut {
				why = "tests behind it did not run; with isolate = \"test\" they do"
			}
			return [][]byte{output(ev, "", "pgtest: "+names+" is in quarantine, but "+why+"\n"), bytes.Clone(ev.Line)}, true
		}
	case event.Pass, event.Skip:
		delete(w.packages, string(ev.Package))
	}
	return nil, false
}

// replace returns the event with another action, behind a line that the test
// prints, unless that is "".
func (w *Watch) replace(s *state, ev *event.Event, action, text string) [][]byte {
	end := withAction(ev.Line, action)
	if text == "" || s.said[string(ev.Test)] {
		return [][]byte{end}
	}
	return [][]byte{output(ev, string(ev.Test), text), end}
}

// output is the line of an event with an output, of the time of another.
func output(ev *event.Event, test, text string) []byte {
	line, err := json.Marshal(struct {
		Time    time.Time `json:",omitzero"`
		Action  string
		Package string
		Test    string `json:",omitempty"`
		Output  string
	}{ev.Time.Time(), "output", string(ev.Package), test, text})
	if err != nil {
		return nil // strings and times in years of four digits can always be written
	}
	return line
}

var failAction = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`("Action"\s*:\s*)"fail"`) })

// withAction returns the line of an event with another action. Within strings there
// is no such text, because quotes are escaped there.
func withAction(line []byte, action string) []byte {
	at := failAction().FindSubmatchIndex(line)
	if at == nil {
		return bytes.Clone(line)
	}
	return slices.Concat(line[:at[3]], []byte(`"`+action+`"`), line[at[1]:])
}
