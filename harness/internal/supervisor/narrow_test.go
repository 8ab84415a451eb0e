package supervisor

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgtest/harness/internal/control"
)

func TestNarrowed(t *testing.T) {
	const from = "-test.paniconexit0 -test.v=test2json"
	only := func(names ...string) control.Selection { return control.Selection{Again: true, Only: names} }
	except := func(names ...string) control.Selection { return control.Selection{All: true, Except: names} }
	for _, tt := range []struct {
		words string
		s     control.Selection
		want  string // in front of from
		rest  string
	}{
		{"", only("TestA"), "-test.run=(?s:^(?:TestA)$)", ""},
		{"-test.timeout=10m0s", only("TestA", "TestB"), "-test.run=(?s:^(?:Test(?:A|B))$)", "-test.timeout=10m0s"},
		{"", only("TestA/x", "TestA/y"), "-test.run=^TestA$/(?s:^(?:(?:x|y))$)", ""},
		{"-test.run=TestA/x", only("TestA"), "-test.run=^TestA$/x", ""},
		{"-test.run=TestA/x", only("TestA/x"), "-test.run=^TestA$/(?s:^(?:x)$)", ""},
		{"-test.run=Z -test.skip=B -test.run=TestA", only("TestA"), "-test.run=(?s:^(?:TestA)$) -test.skip=B", ""},
		{"-test.skip B -own -test.v", only("TestA"), "-test.run=(?s:^(?:TestA)$) -test.skip=B", "-own -test.v"},
		{"-own value -test.skip=B x -test.skip=C", only("TestA"), "-test.run=(?s:^(?:TestA)$) -test.skip=B", "-own value x -test.skip=C"},
		{"-- -test.run=B", only("TestA"), "-test.run=(?s:^(?:TestA)$)", "-- -test.run=B"},
		{"-test.bench=. -test.cpuprofile=x -test.trace y", only("TestA"), "-test.run=(?s:^(?:TestA)$)", ""},
		{"-test.cpuprofile=x", control.Selection{Only: []string{"TestA"}}, "-test.run=(?s:^(?:TestA)$)", "-test.cpuprofile=x"},
		{"-test.bench=.", only("BenchmarkA"), "-test.run=^$ -test.bench=(?s:^(?:BenchmarkA)$)", ""},
		{"-test.run=T", only(), "-test.run=^$", ""},
		{"-test.run=T -test.bench=.", except(), "-test.run=T -test.bench=.", ""},
		{"-test.run=T -test.skip=X", except("TestA", "TestB/x"), "-test.run=T -test.skip=(?s:^(?:TestA)$)|^TestB$/(?s:^(?:x)$)|X", ""},
		{"-test.shuffle=on", control.Selection{All: true, Shuffle: "7"}, "-test.shuffle=7", ""},
	} {
		args := strings.Fields(from + " " + tt.words)
		before := slices.Clone(args)
		want := strings.Fields(tt.want + " " + from + " " + tt.rest)
		if got := narrowed(args, tt.s); !slices.Equal(got, want) {
			t.Errorf("%s, %+v:\n%q\nwant\n%q", tt.words, tt.s, got, want)
		}
		if !slices.Equal(args, before) {
			t.Errorf("%s: the arguments themselves were changed", tt.words)
		}
	}
}

// TestNarrowedLong selects more tests than fit into an argument: more run then.
func TestNarrowedLong(t *testing.T) {
	var names []string
	for i := range 20000 {
		names = append(names, fmt.Sprintf("Test%d/%d", i, i))
	}
	if got := narrowed([]string{"-test.run=T"}, control.Selection{Only: names}); !slices.Equal(got, []string{"-test.run=T"}) {
		t.Errorf("%.200q", got)
	}
	if got := narrowed([]string{"-test.skip=T"}, control.Selection{All: true, Except: names}); !slices.Equal(got, []string{"-test.skip=T"}) {
		t.Errorf("%.200q", got)
	}
}
