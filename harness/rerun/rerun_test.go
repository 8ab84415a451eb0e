package rerun

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgtest/jsonstream/result"
)

// pkg makes a package of words: an end ("failed", "finished", ...) or a test
// with its outcome: +passed, -failed, ~skipped, !cut off, *raced.
func pkg(path, words string) result.PackageReport {
	p := result.PackageReport{Path: path, End: result.Failed, Passes: make(map[string]int)}
	for word := range strings.FieldsSeq(words) {
		if name, ok := strings.CutPrefix(word, "+"); ok {
			p.Passes[name]++
			p.Tests++
			continue
		}
		t := result.TestReport{Name: word[1:], End: result.Failed}
		switch word[0] {
		case '-':
			p.Failed = append(p.Failed, t)
		case '*':
			t.End = result.Raced
			p.Failed = append(p.Failed, t)
		case '!':
			t.End, t.NoEnd = result.Exited, true
			p.Failed = append(p.Failed, t)
		case '~':
			p.Skipped = append(p.Skipped, t)
		default:
			if word == "finished" {
				p.Finished = true
			} else {
				p.End = result.End(strings.ReplaceAll(word, "-", " "))
			}
			continue
		}
		p.Tests++
	}
	return p
}

func (d Decision) String() string {
	var lines []string
	for _, p := range d.Packages {
		line := fmt.Sprint(p.Path, ": ", strings.Join(p.Only, " "))
		if p.All {
			line = fmt.Sprint(p.Path, ": all but ", strings.Join(p.Except, " "))
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	if d.Delay > 0 {
		lines = append(lines, "after "+d.Delay.String())
	}
	return strings.Join(append(lines, d.Reasons...), "\n")
}

// own gives tests attempts of their own, none to others.
func own(o *Options) {
	o.Attempts = 0
	o.Of = func(_, test string) (int, time.Duration) {
		switch test {
		case "Once":
			return 1, 3 * time.Second
		case "Twice":
			return 2, 2 * time.Second
		case "No":
			return 0, time.Hour
		}
		return o.Attempts, 0
	}
}

func TestNext(t *testing.T) {
	for _, tt := range []struct {
		name   string
		opts   func(*Options)
		rounds string // packages a line each, rounds separated by --
		want   string
	}{
		{"nothing failed", nil, "a: finished passed +A", ""},
		{"a test", nil, "a: finished +A -B", "a: B"},
		{"the order of paths", nil, "b: finished -B\na: finished -A", "a: A\nb: B"},
		{"a subtest alone", nil, "a: finished +A/x -A/y -A", "a: A/y"},
		{"deep subtests", nil, "a: finished -A/x/y/z -A/x/y -A/x -A -A/b", "a: A/x/y/z A/b"},
		{"a parent of its own", nil, "a: finished +A/x -A", "a: A"},
		{"each once", nil, "a: finished -A -A +A", "a: A"},
		{"the root test", func(o *Options) { o.RootTests = true }, "a: finished +A/x -A/y -A -A/z", "a: A"},
		{"no attempt left", func(o *Options) { o.Attempts = 1 }, "a: finished -A\n--\na: finished -A", ""},
		{"the second attempt", nil, "a: finished -A -B\nb: finished -C\n--\na: finished +A -B\nb: finished passed +C", "a: B"},
		{"attempts of their own", own, "a: finished -Twice -No -Once", "a: Twice Once\nafter 3s"},
		{"attempts of their own, later", own, "a: finished -Twice -No -Once\n--\na: finished -Twice -Once", "a: Twice\nafter 2s"},
		{"none of their own is left", own, "a: finished -Twice -No\n--\na: finished -Twice\n--\na: finished -Twice", ""},
		{"none has attempts", own, "a: build-failed\nb: finished -No *No/x", ""},
		{"died in one with attempts", own, "a: panicked +A -No !Once", "a: all but A No\nafter 3s"},
		{"died in one without", own, "a: panicked +A !No", ""},
		{"died, nothing of its own", func(o *Options) { own(o); o.Attempts = 2 }, "a: panicked +A !B\nb: finished -No -B", "a: all but A\nb: B"},
		{"died", nil, "a: exited +A ~S !B", "a: all but A S"},
		{"died, with subtests", nil, "a: panicked +A/x +A +B/x -B/y !B", "a: all but A B/x"},
		{"died twice", nil, "a: exited +A !B\n--\na: exited +B !C", "a: all but A B"},
		{"died once", nil, "a: exited +A !B\n--\na: finished +B -C", "a: C"},
		{"died in what had passed", nil, "a: exited +A !B\n--\na: exited !A", "a: all but"},
		{"died with -count", func(o *Options) { o.Runs = 2 }, "a: exited +A +A +B +C/x +C/x !C +Example", "a: all but A Example"},
		{"killed before a test", nil, "a: killed", "a: all but"},
		{"failed before a test", nil, "a: exited", "not run again, failed before its first test: a"},
		{"TestMain", nil, "a: finished exited +A", "not run again, failed outside of its tests: a"},
		{"a build", nil, "a: build-failed\nb: build-failed\nc: finished -C", "c: C\nnot run again, build failed: a, b"},
		{"no end", nil, "a: no-end !A", "not run again, its events have no end: a"},
		{"interrupted", nil, "a: interrupted", ""},
		{"-failfast", func(o *Options) { o.FailFast = true }, "a: finished +A -B", "a: all but A"},
		{"by name", func(o *Options) { o.ByName = true }, "a: -A\nb: !B", "a: A\nnot run again, the command can't be told to run what was not reached: b"},
		{"a race", nil, "a: finished *A -B", "a: B\nnot run again, data race: a A"},
		{"a race in a subtest", nil, "a: finished *A/x -A/y -A", "a: A/y\nnot run again, data race: a A/x"},
		{"a race in a parent", nil, "a: finished -A/x *A", "not run again, data race: a A/x"},
		{"a race that died", nil, "a: panicked +A *B !C", "a: all but A B\nnot run again, data race: a B"},
		{"a race aborts", func(o *Options) { o.Races = AbortOnRace }, "a: finished *A -B",
			"no test is run again because of a data race (--rerun-fails-abort-on-data-race)"},
		{"races, too", func(o *Options) { o.Races = RerunRaces }, "a: finished *A -B", "a: A B"},
		{"too many", func(o *Options) { o.MaxFailures = 2 }, "a: finished -A/x -A -B\nb: finished",
			"number of test failures (3) exceeds maximum (2) set by --rerun-fails-max-failures"},
		{"just few enough", func(o *Options) { o.MaxFailures = 2 }, "a: finished -A/x -A -B", "a: A/x B"},
		{"too many later", func(o *Options) { o.MaxFailures = 1 }, "a: exited !A\n--\na: finished -B -C", "a: B C"},
	} {
		o := Options{Attempts: 2, MaxFailures: 10, Runs: 1}
		if tt.opts != nil {
			tt.opts(&o)
		}
		var rounds [][]result.PackageReport
		for text := range strings.SplitSeq(tt.rounds, "--") {
			var round []result.PackageReport
			for line := range strings.Lines(strings.TrimSpace(text)) {
				path, words, _ := strings.Cut(line, ":")
				round = append(round, pkg(path, words))
			}
			rounds = append(rounds, round)
		}
		if got := Next(o, rounds).String(); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

func TestReport(t *testing.T) {
	rounds := [][]result.PackageReport{
		{pkg("b", "-B +C"), pkg("a", "-A/x -A -A +A")},
		{pkg("b", "+B"), pkg("a", "+A/x +A")},
	}
	var b strings.Builder
	if err := Report(&b, rounds); err != nil {
		t.Fatal(err)
	}
	const want = "a.A: 4 runs, 2 failures\na.A/x: 2 runs, 1 failures\nb.B: 2 runs, 1 failures\n"
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
}
