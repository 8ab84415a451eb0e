package testtext

import (
	"slices"
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
