package quoted

import (
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
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
		got, err := Split(tt.in)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("Split(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
	if got, err := Split(`a 'b`); err == nil {
		t.Errorf("Split of an open quote = %q, want an error", got)
	}
}

func TestJoinIsTheInverseOfSplit(t *testing.T) {
	for _, words := range [][]string{
		{"a", "b c", "d'e f", `g"h`, ""},
		{"/opt/my tools/pgtest", "__exec"},
	} {
		joined, err := Join(words)
		if err != nil {
			t.Errorf("Join(%q): %v", words, err)
			continue
		}
		got, err := Split(joined)
		if err != nil || !slices.Equal(got, words) {
			t.Errorf("Split(Join(%q)) = %q, %v", words, got, err)
		}
	}
	if got, err := Join([]string{`a'b"c`}); err == nil {
		t.Errorf("Join of both kinds of quotes = %q, want an error", got)
	}
}
