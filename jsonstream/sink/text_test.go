package sink

import (
	"slices"
	"testing"
)

func TestSegments(t *testing.T) {
	for text, want := range map[string][]Segment{
		"":                              nil,
		"a\tb\r\nc\rd\n":                {{"", "a\tb\nc\nd\n"}},
		"\x00\x07\x7f\xff":              {{"", "\uFFFD\uFFFD\uFFFD\uFFFD"}},
		"a\x1b[31mb\x1b[1mc\x1b[md":     {{"", "a"}, {"c1", "b"}, {"c1 b", "c"}, {"", "d"}},
		"\x1b[3;4;92mx\x1b[23;24my":     {{"c10 i u", "x"}, {"c10", "y"}},
		"\x1b[1mx\x1b[22;2my\x1b[0;39m": {{"b", "x"}, {"d", "y"}},
		"\x1b[31;31ma\x1b[31mb":         {{"c1", "ab"}},
		"\x1b[38;5;9ma\x1b[38;5;196mb\x1b[38;5;244mc":       {{"c9", "ab"}, {"c7", "c"}},
		"\x1b[38;2;0;160;0ma\x1b[48;5;1mb\x1b[38;5m":        {{"c2", "ab"}},
		"\x1b[2Ka\x1b[1;3Hb\x1b]0;title\ac\x1b]8;;x\x1b\\d": {{"", "abcd"}},
		"\x1b[31":                      {{"", "[31"}},
		"\x1b]never":                   {{"", "]never"}},
		"\x1b[999999999999999999999mx": {{"", "x"}},
		"\x1b":                         nil,
	} {
		if got := slices.Collect(Segments([]byte(text))); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
