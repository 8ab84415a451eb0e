package gotest

import (
	"slices"
	"testing"
)

func TestSplitQuoted(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{" \t ", nil},
		{"a  b\tc\n", []string{"a", "b", "c"}},
		{`'a b' "c'd" e`, []string{"a b", "c'd", "e"}},
		{`-ldflags=-X=a'b -tags=x`, []string{"-ldflags=-X=a'b", "-tags=x"}},
		{`''`, []string{""}},
	} {
		got, err := SplitQuoted(tt.in)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("SplitQuoted(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
	if got, err := SplitQuoted(`a 'b`); err == nil {
		t.Errorf("SplitQuoted of an open quote = %q, want an error", got)
	}
}

func TestJoinQuotedIsTheInverseOfSplitQuoted(t *testing.T) {
	for _, words := range [][]string{
		{"a", "b c", "d'e f", `g"h`, ""},
		{"/opt/my tools/pgtest", "__exec"},
	} {
		joined, err := JoinQuoted(words)
		if err != nil {
			t.Errorf("JoinQuoted(%q): %v", words, err)
			continue
		}
		got, err := SplitQuoted(joined)
		if err != nil || !slices.Equal(got, words) {
			t.Errorf("SplitQuoted(JoinQuoted(%q)) = %q, %v", words, got, err)
		}
	}
	if got, err := JoinQuoted([]string{`a'b"c`}); err == nil {
		t.Errorf("JoinQuoted of both kinds of quotes = %q, want an error", got)
	}
}
