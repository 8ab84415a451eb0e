//go:build unix

package pertest

import (
	"bytes"
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgtest/harness/internal/testproc"
	"pgtest/harness/internal/testtext"
	"pgtest/harness/internal/words"
)

func TestWords(t *testing.T) {
	for _, o := range []Options{
		{},
		{
			Options: testproc.Options{Via: []string{"via"}, TestTimeout: time.Minute, FailOnLeaks: true},
			Alone:   []string{"TestA/x", "TestA/--y=z"},
		},
	} {
		args := words.Of(o, "a.test", "-test.v", "--Alone=3")
		var got Options
		command, err := words.Parse(Role, args, &got)
		if err != nil || !reflect.DeepEqual(got, o) || !slices.Equal(command, []string{"a.test", "-test.v", "--Alone=3"}) {
			t.Errorf("Parse(%q) = %+v, %q, %v", args, got, command, err)
		}
	}
}

func TestParseArgs(t *testing.T) {
	for _, tt := range []struct {
		args, rest string
		flags      map[string]string
	}{
		{"", "", map[string]string{}},
		{"-test.run=A -test.short=true -test.v=test2json", "-test.short=true", map[string]string{"run": "A", "short": "true", "v": "test2json"}},
		{"-test.run=A -test.run=B", "", map[string]string{"run": "B"}},
		{"--test.failfast -test.count=3", "--test.failfast", map[string]string{"failfast": "true", "count": "3"}},
		{"-own value -test.count=3", "-own value", map[string]string{"count": "3"}},
		{"-own=value word -test.count=3", "-own=value word -test.count=3", map[string]string{}},
		{"-test.count=3 -- -test.run=A", "-- -test.run=A", map[string]string{"count": "3"}},
	} {
		b := parseArgs(strings.Fields(tt.args))
		if !slices.Equal(b.args, strings.Fields(tt.rest)) || !maps.Equal(b.flags, tt.flags) {
			t.Errorf("parseArgs(%q) = %q, %v", tt.args, b.args, b.flags)
		}
	}
}

// TestPrinterOrder writes in the wrong order, more than is kept in memory.
func TestPrinterOrder(t *testing.T) {
	var out bytes.Buffer
	p := newPrinter(&out, 3)
	large := strings.Repeat("2", testproc.MaxMemory+1)
	for _, w := range []struct {
		section int
		text    string
	}{{2, large}, {1, "1a"}, {0, "0a"}, {2, "end"}, {0, "0b"}} {
		p.sections[w.section].Write([]byte(w.text))
	}
	p.sections[2].close("")
	p.sections[0].close("")
	p.sections[1].Write([]byte("1b"))
	p.sections[1].close("")
	if want := "0a0b1a1b" + large + "end"; out.String() != want {
		t.Errorf("%d bytes, want %d; they begin with %q", out.Len(), len(want), out.String()[:20])
	}
}

func TestPrinterMix(t *testing.T) {
	var out bytes.Buffer
	p := newPrinter(&out, 2)
	p.sections[0].Write([]byte("0a\n"))
	p.sections[1].Write([]byte("1a\n"))
	p.mix()
	p.sections[0].current, p.sections[1].current = "Test0", "Test1"
	p.sections[1].Write([]byte("1b\n"))
	p.sections[0].Write([]byte("0b\n"))
	if want := "0a\n1a\n1b\n" + testtext.Marker + "=== NAME  Test0\n0b\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestJoinTestlogs(t *testing.T) {
	dir := t.TempDir()
	f := &files{dir: dir, testlog: filepath.Join(dir, "testlog.txt")}
	for i, log := range []string{"getenv A\nopen x\n", "getenv A\nchdir /\nopen x\n", "open x\nopen y\n"} {
		if err := os.WriteFile(f.name("log", i), []byte(logHeader+log), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	f.joinTestlogs(3)
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	want := logHeader + "getenv A\nopen x\ngetenv A\nchdir /\nopen x\nchdir " + wd + "\nopen y\n"
	if got, err := os.ReadFile(f.testlog); err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	os.Remove(f.testlog)
	f.joinTestlogs(4)
	if _, err := os.Stat(f.testlog); err == nil {
		t.Error("a log was joined although one is missing")
	}
}

// TestOrder asks in which order processes start: b is the one for what is not
// listed.
func TestOrder(t *testing.T) {
	for _, tt := range []struct {
		name, flags string
		limit       int
		want        string
	}{
		{"room for one", "", 1, "1 2 3 b"},
		{"room for two", "", 2, "1 b 2 3"},
		{"room for more", "", 8, "1 b 2 3"},
		{"-failfast", "-test.failfast", 8, "1 2 3 b"},
		{"-failfast=false", "-test.failfast=false", 8, "1 b 2 3"},
		{"coverage", "-test.gocoverdir=dir", 8, "1 2 3 b"},
	} {
		r := &runner{binary: parseArgs(strings.Fields(tt.flags)), limit: tt.limit, running: make(map[*test]*testproc.Process)}
		for _, name := range []string{"1", "2", "3", ""} {
			r.waiting = append(r.waiting, &test{name: name})
		}
		var order []string
		for len(r.waiting) > 0 {
			if !r.mayStart() { // until something ends
				clear(r.running)
			}
			p := r.pick()
			r.running[p] = new(testproc.Process)
			order = append(order, cmp.Or(p.name, "b"))
		}
		if got := strings.Join(order, " "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestRoomBesideTheRest wants the process that started before its turn to leave
// room for one whose turn it is: it may wait for its own with output that can't
// be kept.
func TestRoomBesideTheRest(t *testing.T) {
	rest := new(test)
	r := &runner{limit: 1, early: rest, running: map[*test]*testproc.Process{rest: new(testproc.Process)}, waiting: []*test{{name: "1"}}}
	if !r.mayStart() {
		t.Error("the process for what is not listed keeps the others from running")
	}
}
