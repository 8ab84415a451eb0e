package testtext

import (
	"slices"
	"strings"
	"testing"
)

func TestUnitEnd(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
		rest string
	}{
		{"", nil, ""},
		{"unfinished", nil, "unfinished"},
		{"one\ntwo\nrest", []string{"one\n", "two\n"}, "rest"},
		{"\n\n", []string{"\n", "\n"}, ""},
		{"\x16=== RUN   TestA\nx\n", []string{"\x16=== RUN   TestA\n", "x\n"}, ""},
		{"no end\x16--- PASS: TestA (0.00s)\n", []string{"no end", "\x16--- PASS: TestA (0.00s)\n"}, ""},
		{"one\nno end\x16\n", []string{"one\n", "no end", "\x16\n"}, ""},
		{"\x16\x16\n", []string{"\x16", "\x16\n"}, ""},
		{"\x16", nil, "\x16"},
	} {
		var units []string
		rest := []byte(c.text)
		for n := UnitEnd(rest); n > 0; n = UnitEnd(rest) {
			units = append(units, string(rest[:n]))
			rest = rest[n:]
		}
		if !slices.Equal(units, c.want) || string(rest) != c.rest {
			t.Errorf("%q: units %q, rest %q; want %q and %q", c.text, units, rest, c.want, c.rest)
		}
	}
}

func TestParseLine(t *testing.T) {
	for text, want := range map[string]Line{
		"=== RUN   TestA":                  {Kind: Run, Test: "TestA"},
		"=== PAUSE TestA/b":                {Kind: Pause, Test: "TestA/b"},
		"=== CONT  TestA":                  {Kind: Continue, Test: "TestA"},
		"=== NAME  ":                       {Kind: Name},
		"=== ATTR  TestA key a value":      {Kind: Attr, Test: "TestA", Rest: "key a value"},
		"=== ARTIFACTS TestA /a directory": {Kind: Artifacts, Test: "TestA", Rest: "/a directory"},
		"--- SKIP: TestA (0.00s)":          {Kind: Report, Verdict: Skip, Test: "TestA"},
		"--- BENCH: BenchmarkA":            {},
		"PASS":                             {Kind: End, Verdict: Pass},
		"FAIL":                             {Kind: End, Verdict: Fail},
		"SKIP":                             {},
		"=== RUN TestA":                    {},
		"":                                 {},
		strings.Trim(NameLine("TestA"), Marker+"\n"):              {Kind: Name, Test: "TestA"},
		strings.Trim(ReportLine(Fail, "TestA/b", 1), Marker+"\n"): {Kind: Report, Verdict: Fail, Test: "TestA/b"},
		strings.Trim(EndLine(Pass), Marker+"\n"):                  {Kind: End, Verdict: Pass},
	} {
		if got := ParseLine(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func TestMarksOf(t *testing.T) {
	for version, want := range map[string]Marks{
		"go1.25.5": false, "go1.26.8 X:nojsonv2": false, "go1.27": true, "go1.27rc1": true, "go1.30.1": true,
		"": true, "devel +abc": true,
	} {
		if got := MarksOf(version); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
}
