//go:build unix

package debugger

import (
	"strings"
	"testing"

	"pgtest/harness/gotest"
)

// TestBuildLine wants the tests in place of what a line selects, and what a
// debugger needs.
func TestBuildLine(t *testing.T) {
	t.Setenv("GOENV", "off")
	const plain, own = "-gcflags=all=-N -l", "-gcflags=-e"
	for _, tt := range []struct{ tests, line, goflags, want string }{
		{"TestA", "./a", "", plain + " -run=^TestA$ ./a"},
		{"TestA/x.y TestB BenchmarkC", "./a -run z -bench . -v", "", plain + " ./a -run=^TestA$/^x\\.y$|^TestB$ -bench=^BenchmarkC$ -v"},
		{"BenchmarkC", "./a", "", plain + " -run=^$ -bench=^BenchmarkC$ ./a"},
		{"", "./a -run z", "", plain + " ./a -run z"},
		{"TestA", own + " ./a", "", "-run=^TestA$ " + own + " ./a"},
		{"TestA", "./a", own, "-run=^TestA$ ./a"},
		{"TestA", "-timeout 1s -json -vet=all -o=x ./a", "", plain + " -run=^TestA$ ./a"},
	} {
		t.Setenv("GOFLAGS", tt.goflags)
		s := &session{Config: Config{Tests: strings.Fields(tt.tests)}, dir: "/d"}
		line := s.buildLine(gotest.Parse(strings.Fields(tt.line)))
		got := " " + strings.Join(line.Words(), " ")
		for _, set := range []string{"-timeout=0", "-json=false", "-vet=off", "-o=/d/debug.test"} {
			if !strings.Contains(got, " "+set) {
				t.Errorf("%s: no %s in %s", tt.line, set, got)
			}
			got = strings.Replace(got, " "+set, "", 1)
		}
		if got != " "+tt.want {
			t.Errorf("%s of %s:\n%s, want\n%s", tt.tests, tt.line, got[1:], tt.want)
		}
	}
}
