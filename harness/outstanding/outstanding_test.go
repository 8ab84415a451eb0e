package outstanding

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgtest/harness/gotest"
	"pgtest/harness/history"
	"pgtest/jsonstream/result"
)

// run makes a Run of a line: "failed -run=A: a=failed A=passed B=failed; b=passed".
// Of a package, ? says that there may be tests that did not run; a test's end in
// capitals is that of a later round. _ stands for a space.
func run(t *testing.T, text string) Run {
	t.Helper()
	head, packages, _ := strings.Cut(text, ": ")
	words := strings.Fields(head)
	r := Run{Named: func() []string { return []string{"a", "b"} }}
	r.Outcome = history.Outcome(words[0])
	for _, word := range words[1:] {
		switch {
		case word == "outstanding":
			r.Outstanding = true
		case word == "-failfast":
			r.FailFast = true
		case strings.HasPrefix(word, "-tags"):
			r.BuildFlags = append(r.BuildFlags, word)
		case strings.HasPrefix(word, "-"):
			r.Narrow = append(r.Narrow, word)
		default:
			r.Dropped = map[string][]string{"a": {word}}
		}
	}
	var tests []history.Test
	for _, part := range strings.Split(packages, "; ") {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		path, end, _ := strings.Cut(words[0], "=")
		p := history.Package{Path: path, End: endOf(strings.TrimSuffix(end, "?")), Rest: strings.HasSuffix(end, "?")}
		for _, word := range words[1:] {
			name, end, _ := strings.Cut(word, "=")
			round := 0
			if end == strings.ToUpper(end) {
				round, end = 1, strings.ToLower(end)
			}
			switch endOf(end) {
			case result.Failed:
				p.Failed = append(p.Failed, name)
			case result.Interrupted:
				p.Interrupted = append(p.Interrupted, name)
			case result.NotRun:
				p.Unreached = append(p.Unreached, name)
				continue
			}
			tests = append(tests, history.Test{Package: path, Name: name, Round: round, End: endOf(end)})
		}
		if slices.ContainsFunc(tests, func(t history.Test) bool { return t.Round > 0 && t.End.OK() }) {
			p.Failed = nil // flaky
		}
		r.Packages = append(r.Packages, p)
	}
	r.Tests = func(add func(history.Test)) error {
		for _, test := range tests {
			add(test)
		}
		return nil
	}
	return r
}

// endOf returns an end that is one word.
func endOf(word string) result.End { return result.End(strings.ReplaceAll(word, "_", " ")) }

// show describes what is to run of each package.
func show(all map[string]*Package, words ...string) string {
	var parts []string
	for _, path := range slices.Sorted(maps.Keys(all)) {
		s, some := all[path].Select(gotest.Parse(words), []string{"A", "B", "C", "S"})
		switch {
		case !some:
		case len(s.Only) > 0:
			parts = append(parts, fmt.Sprint(path, s.Only))
		default:
			parts = append(parts, fmt.Sprint(path, " but", s.Except))
		}
	}
	return strings.Join(parts, " ")
}

func TestAfter(t *testing.T) {
	for _, tt := range []struct {
		name, runs string // from top to bottom
		line, want string
	}{
		{"nothing failed", "passed: a=passed A=passed", "", ""},
		{"failed", "failed: a=failed A=passed B=failed", "", "a[B]"},
		{"passed later", "failed: a=failed A=failed B=failed\npassed -run=B: a=passed B=passed", "", "a[A]"},
		{"failed again", "failed: a=failed A=failed\npassed: a=passed A=passed\nfailed: a=failed A=failed", "", "a[A]"},
		{"another package", "failed: a=failed A=failed\npassed: b=passed B=passed", "", "a[A]"},
		{"skipped by a flag", "failed: a=failed A=failed\npassed -short: a=passed A=skipped", "", "a[A]"},
		{"skipped when asked for", "failed: a=failed A=failed\npassed outstanding: a=passed A=skipped", "", ""},
		{"flaky", "failed: a=failed A=failed B=failed\npassed: a=passed A=failed A=PASSED B=passed", "", ""},
		{"of several runs one failed", "failed: a=failed A=failed\nfailed: a=failed A=passed A=failed A=passed", "", "a[A]"},
		{"a subtest", "failed: a=failed S/x=passed S/y=failed S=failed", "", "a[S/y]"},
		{"another subtest passed", "failed: a=failed S/y=failed S=failed\npassed -run=S/x: a=passed S/x=passed S=passed", "", "a[S/y]"},
		{"a test after its subtests", "failed: a=failed S/y=passed S=failed", "", "a[S]"},
		{"a subtest that is no more", "failed: a=failed S/y=failed S=failed\npassed outstanding: a=passed S=passed", "", ""},
		{"a subtest that was not selected", "failed: a=failed S/y=failed S=failed\npassed outstanding -run=S/x: a=passed S=passed", "", "a[S/y]"},
		{"dropped", "failed: a=failed A=failed B=failed\npassed outstanding A: b=passed", "", "a[B]"},
		{"build failure", "failed: a=build_failed", "", "a but[]"},
		{"builds again, some of it", "failed: a=exited\npassed -run=A: a=passed A=passed", "", "a but[]"},
		{"builds again", "failed: a=exited\npassed: a=passed A=passed", "", ""},
		{"the same part of it passes", "failed -run=A: a=exited\npassed -run=A: a=passed A=passed", "", ""},
		{"other files pass", "failed -tags=x: a=exited\npassed: a=passed A=passed", "", "a but[]"},
		{"a panic", "failed: a=failed? A=passed B=failed", "", "a but[A]"},
		{"then a part", "failed: a=failed? A=passed B=failed\npassed -run=B: a=passed B=passed", "", "a but[A B]"},
		{"then all but that", "failed: a=failed? A=passed B=failed\npassed -skip=B: a=passed C=passed S=passed", "", "a[B]"},
		{"-skip of that", "failed: a=failed? A=passed B=failed\npassed -skip=B: a=passed C=passed S=passed", "-skip=B", ""},
		{"a panic below a test with others", "failed: a=failed? S/x=passed S/y=failed S=failed", "", "a but[S/x]"},
		{"then all", "failed: a=failed? A=passed B=failed\npassed: a=passed A=passed B=passed C=passed", "", ""},
		{"a panic in a part", "failed -run=[AB]: a=failed? A=failed", "", "a[A B]"},
		{"-failfast", "failed -failfast: a=failed A=passed B=failed", "", "a but[A]"},
		{"interrupted", "interrupted: a=interrupted? A=passed B=interrupted", "", "a but[A] b but[]"},
		{"interrupted before its tests", "interrupted: a=interrupted?; b=passed B=passed", "", "a but[]"},
		{"killed", "killed: b=passed B=passed", "", "a but[]"},
		{"not reached", "failed: a=failed A=failed; b=not_run B=not_run C=not_run", "", "a[A] b[B C]"},
		{"interrupted, and then repeated", "interrupted: a=passed A=passed\npassed: a=passed; b=passed", "", ""},
		{"what was outstanding is interrupted", "failed: a=failed A=failed\ninterrupted outstanding: a=interrupted A=interrupted", "", "a[A]"},
		{"-run", "failed: a=failed A=failed B=failed", "-run=B", "a[B]"},
		{"-run of nothing", "failed: a=failed A=failed", "-run=B", ""},
		{"-skip", "failed: a=failed A=failed B=failed", "-skip=B", "a[A]"},
		{"-run of nothing that was not reached", "interrupted: a=interrupted?; b=passed", "-run=X", ""},
		{"-run of a package that could not be built", "failed: a=build_failed", "-run=X", "a but[]"},
	} {
		var runs []Run
		for line := range strings.Lines(tt.runs) {
			runs = append(runs, run(t, strings.TrimSuffix(line, "\n")))
		}
		if got := show(After(runs), strings.Fields(tt.line)...); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestCount(t *testing.T) {
	for _, tt := range []struct {
		run             string
		tests, packages int
	}{
		{"failed: a=failed S=failed S/y=failed A=failed", 2, 0},
		{"failed: a=failed? A=failed", 1, 1},
		{"failed: a=exited", 0, 1},
	} {
		if tests, packages := After([]Run{run(t, tt.run)})["a"].Count(); tests != tt.tests || packages != tt.packages {
			t.Errorf("%s: %d tests, %d packages", tt.run, tests, packages)
		}
	}
}
