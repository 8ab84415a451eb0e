package harness

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"pgtest/harness/harnesstest"
	"pgtest/jsonstream"
	"pgtest/jsonstream/live"
	"pgtest/jsonstream/result"
	"pgtest/signals"
)

// The live lines are on a terminal where nothing else writes to it.
func TestWhereLive(t *testing.T) {
	master, terminal, err := pty.Open()
	if err != nil {
		t.Skipf("no terminal: %v", err)
	}
	defer master.Close()
	defer terminal.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer pipe.Close()
	for _, c := range []struct {
		name           string
		stdout, stderr *os.File
		want           bool
	}{
		{"terminal", terminal, terminal, true},
		{"errors in a file", terminal, file, true},
		{"errors in a pipe", terminal, pipe, true},
		{"output in a file", file, terminal, true},
		{"output nowhere", null, terminal, true},
		{"output in a pipe", pipe, terminal, false},
		{"both in a file", file, file, false},
		{"both in a pipe", pipe, pipe, false},
	} {
		cfg := Config{Live: &Live{}, Stream: jsonstream.Options{Stdout: c.stdout, Stderr: c.stderr}}
		if got := newLiveLines(cfg); (got != nil) != c.want {
			t.Errorf("%s: live lines: %v", c.name, got != nil)
		}
		cfg.Live = nil
		if newLiveLines(cfg) != nil {
			t.Errorf("%s: live lines that nobody wants", c.name)
		}
	}
}

func TestLeft(t *testing.T) {
	now := time.Unix(1000, 0)
	known := map[string]time.Duration{"a": 10 * time.Second, "b": 20 * time.Second, "c": 60 * time.Second}
	running := []result.Running{{Package: "c", Started: now.Add(-15 * time.Second)}, {Package: "c", Test: "T", Started: now}}
	for _, c := range []struct {
		list, ended string
		atOnce      int
		running     []result.Running
		want        time.Duration
	}{
		{"", "", 1, nil, 0},
		{"a b", "", 1, nil, 30 * time.Second},
		{"a b", "", 2, nil, 20 * time.Second}, // the longest
		{"a b c", "", 2, nil, 60 * time.Second},
		{"a b c", "", 1, running, 75 * time.Second},
		{"a b c", "a c", 1, nil, 20 * time.Second},
		{"a b x", "", 1, nil, 45 * time.Second}, // as the others on average
		{"a x y", "", 1, nil, 0},                // most are not known
		{"a b", "a b", 1, nil, 0},
		{"a", "", 1, []result.Running{{Package: "a", Started: now.Add(-time.Hour)}}, 0}, // overdue
		{"a b", "", 0, nil, 30 * time.Second},
	} {
		l := &liveLines{listing: listing{strings.Fields(c.list), known}, Live: Live{AtOnce: c.atOnce}}
		got := l.left(live.State{Running: c.running, Now: now}, func(pkg string) bool { return slices.Contains(strings.Fields(c.ended), pkg) })
		if got != c.want {
			t.Errorf("%q without %q, %d at once: %v, want %v", c.list, c.ended, c.atOnce, got, c.want)
		}
	}
}

// The packages are those of which go test tells: also those that can't be built,
// and none without files for this system.
func TestLister(t *testing.T) {
	dir := t.TempDir()
	err := harnesstest.WriteModule(dir, map[string]string{
		"a/a.go": "package a\n", "b/b_test.go": "package b_test\n", "c/c.go": "//go:build ignore\n\npackage c\n",
		"d/d.go": "packag d\n", "e/testdata/e.go": "package e\n", "f/f.txt": "", "tagged/t.go": "//go:build x\n\npackage tagged\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ list, want string }{
		{"-v ./... -args x", "[example.com/m/a example.com/m/b example.com/m/d]"},
		{"-run X -tags=x ./t... ./a", "[example.com/m/tagged example.com/m/a]"},
		{"-tags", "[]"},
	} {
		i := &invocation{cfg: Config{Dir: dir, Args: strings.Fields(c.list)}, signals: signals.New(0), plan: plan{round: round{source: goTest{}}}}
		i.live = &liveLines{}
		i.live.lister = i.startLister()
		if pid := i.live.childPID(); pid == 0 || !i.isOwnChild(pid) {
			t.Errorf("pid %d", pid)
		}
		if got := fmt.Sprint((<-i.live.lister.done).pkgs); got != c.want {
			t.Errorf("%s: %s, want %s", c.list, got, c.want)
		}
		i.endLive()
	}
	// It ends with the run, whatever it is at.
	i := &invocation{cfg: Config{Dir: dir}, signals: signals.New(0), plan: plan{round: round{source: goTest{}}}}
	i.live = &liveLines{}
	i.live.lister = i.startLister()
	i.endLive()
	if i.live.childPID() != 0 {
		t.Error("it stays")
	}
}

func TestLastLines(t *testing.T) {
	for _, c := range []struct {
		pieces string // with | between them
		want   string
	}{
		{"", "[] 0"},
		{"a\n|b\n", "[a b] 0"},
		{"a|b\nc", "[ab c] 0"},
		{"a\n|b\n|c\r\n|d", "[b c d] 1"},
		{"a\nb\nc\nd\ne\n", "[c d e] 2"},
		{"\n|\n", "[ ] 0"},
		{"a|\n|b", "[a b] 0"},
	} {
		last, before := lastLines(pieces(c.pieces), 3)
		if got := fmt.Sprintf("%s %d", last, before); got != c.want {
			t.Errorf("%q: %s, want %s", c.pieces, got, c.want)
		}
	}
	last, _ := lastLines(pieces(strings.Repeat("x", 2*lineBytes)+"|more\nnext"), 3)
	if len(last) != 2 || len(last[0]) != lineBytes || string(last[1]) != "next" {
		t.Errorf("a long line: %d lines", len(last))
	}
}

func pieces(text string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for piece := range strings.SplitSeq(text, "|") {
			if !yield([]byte(piece)) {
				return
			}
		}
	}
}
