package archived

import (
	"strings"
	"testing"
	"time"

	"pgtest/harness/gotest"
)

// TestLimit says when go test ends a binary that does not end itself.
func TestLimit(t *testing.T) {
	for args, want := range map[string]limit{
		"":                                       {11 * time.Minute, time.Minute},
		"-test.timeout=1s":                       {time.Minute + time.Second, 5 * time.Second},
		"-test.timeout=1h":                       {66 * time.Minute, 6 * time.Minute},
		"-test.timeout=0s":                       {},
		"-test.timeout=5m0s -test.timeout=20m0s": {22 * time.Minute, 2 * time.Minute},
	} {
		if got := limitOf(strings.Fields(args), gotest.Settings{}); got != want {
			t.Errorf("%s: %v, want %v", args, got, want)
		}
	}
	if got := limitOf(nil, gotest.Settings{Bench: "."}); got != (limit{}) {
		t.Errorf("benchmarks: %v", got)
	}
}

// TestObserved finds in the output what go test says in a package's line.
func TestObserved(t *testing.T) {
	const text = "x\ncoverage: 50.0% of statements\nthe coverage: later\ntesting: warning: no tests to run\nend"
	for size := 1; size <= len(text); size++ {
		var to strings.Builder
		o := observed{to: &to}
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			o.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		o.endLine()
		if o.coverage != "50.0% of statements" || o.nothing() != " [no tests to run]" || to.String() != text+"\n" || o.seen != len(text) {
			t.Errorf("by %d: %+v", size, o)
		}
	}
	for _, text := range []string{"said: testing: warning: no tests to run\n", "coverage: x", "coverage: " + strings.Repeat("x", maxLine) + "\n"} {
		o := observed{to: new(strings.Builder)}
		if o.Write([]byte(text)); o.nothing() != "" || o.coverage != "" {
			t.Errorf("%.30q: %+v", text, o)
		}
	}
	for _, benchmarks := range []bool{false, true} {
		var to strings.Builder
		o := observed{to: &to, ignored: benchmarks}
		const text = "coverage: 50.0%\n"
		o.Write([]byte(text))
		if o.endLine(); to.String() != text || benchmarks != (o.coverage == "") {
			t.Errorf("benchmarks %v: %+v, %q", benchmarks, o, to.String())
		}
	}
	var long observed
	long.to = new(strings.Builder)
	long.Write([]byte(strings.Repeat("x", 3*maxLine)))
	if len(long.line) > maxLine {
		t.Errorf("%d bytes of a line are kept", len(long.line))
	}
}
