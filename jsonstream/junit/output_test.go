package junit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestCut leaves out the middle of texts, whatever their pieces.
func TestCut(t *testing.T) {
	for _, tt := range []struct {
		pieces []string
		limit  int64
		want   string
	}{
		{nil, 10, ""},
		{[]string{"all\n"}, 4, "all\n"},
		{[]string{"all\n", "of it\n"}, -1, "all\nof it\n"},
		{[]string{"a\n", "b\n", "c\n", "d\n", "e\n"}, 8, "a\nb\n… 2 bytes left out …\nd\ne\n"},
		{[]string{"a\n", "b\n", "c\n", "d\n", "e\n"}, 7, "a\n… 4 bytes left out …\nd\ne\n"},
		{[]string{"a\n", "b\n", "c\n"}, 0, "… 6 bytes left out …\n"},
		{[]string{"0123456789"}, 4, "01\n… 6 bytes left out …\n89"},
		{[]string{"ääää"}, 6, "ä\n… 4 bytes left out …\nä"},
		{[]string{"\x80\x80\x80\x80\x80\x80"}, 2, "… 6 bytes left out …\n"},
		{[]string{"first\n", strings.Repeat("x", 2*longLine), "last\n"}, 40, "first\n" + strings.Repeat("x", 14) + "\n… 8163 bytes left out …\n" + strings.Repeat("x", 15) + "last\n"},
	} {
		var body Body
		var pieces [][]byte
		for _, p := range tt.pieces {
			pieces = append(pieces, []byte(p))
			body.Size += int64(len(p))
		}
		body.Text = slices.Values(pieces)
		got := ""
		for text := range cut(body, tt.limit) {
			got += string(text)
		}
		if got != tt.want {
			t.Errorf("%q cut to %d: %q, want %q", tt.pieces, tt.limit, got, tt.want)
		}
		for range cut(body, tt.limit) {
			break // which it heeds
		}
	}
}

// TestCutCounts cuts pieces of every length: what is left and what is counted as
// left out is all, and no more than the limit is left.
func TestCutCounts(t *testing.T) {
	for length := 1; length < 40; length++ {
		var pieces [][]byte
		size := 0
		for i := 0; size < 100; i++ {
			piece := append([]byte(strings.Repeat("ä", (i*7+length)%length/2)), '\n')
			pieces, size = append(pieces, piece), size+len(piece)
		}
		for limit := range int64(size) {
			shown, left := 0, 0
			for text := range cut(Body{slices.Values(pieces), int64(size)}, limit) {
				if n, _ := fmt.Sscanf(strings.TrimSpace(string(text)), "… %d bytes left out …", &left); n == 1 {
					continue
				}
				shown += len(text)
				if !utf8.Valid(text) {
					t.Fatalf("%q", text)
				}
			}
			if int64(shown) > limit || shown+left != size {
				t.Fatalf("of %d bytes in pieces of %d with a limit of %d, %d are left and %d left out", size, length, limit, shown, left)
			}
		}
	}
}

func TestShort(t *testing.T) {
	long := strings.Repeat("ä", 500)
	if got := short(long); got != long {
		t.Errorf("%d bytes became %d", len(long), len(got))
	}
	seen := make(map[string]bool)
	for _, name := range []string{long + "a", long + "b", long + long, strings.Repeat("\x00", 999), strings.Repeat("\xff", 1001), strings.Repeat("x", 1001)} {
		got := short(name)
		if len(legal(got)) > maxName || seen[got] || got != short(name) {
			t.Errorf("%.20q… of %d bytes became %q", name, len(name), got)
		}
		seen[got] = true
	}
}
