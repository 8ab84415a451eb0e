package sink

import (
	"slices"
	"strings"
	"testing"
)

func TestShare(t *testing.T) {
	for _, tt := range []struct {
		sizes       []int64
		limit, room int64
		want        int64
	}{
		{nil, 10, 100, 10},
		{[]int64{50, 50}, 10, 100, 10},
		{[]int64{90, 5, 90}, 50, 100, 47},
		{[]int64{90, 90, 90, 90}, 50, 100, 25},
		{[]int64{1, 1, 1000}, 1000, 100, 98},
	} {
		if got := Share(tt.sizes, tt.limit, tt.room); got != tt.want {
			t.Errorf("%d with %d each in %d: %d, want %d", tt.sizes, tt.limit, tt.room, got, tt.want)
		}
	}
}

// TestExcerpt leaves out whole lines where these are short.
func TestExcerpt(t *testing.T) {
	lines := strings.Repeat("0123456789abcde\n", 100)
	long := strings.Repeat("x", 1000)
	for _, tt := range []struct {
		text  string
		limit int
		want  string
	}{
		{"", 10, ""},
		{lines, 1600, lines},
		{"panic: x\n", 9, "panic: x\n"},
		{"panic: xy\n", 9, "pani\n… 1 bytes left out …\n: xy\n"},
		{lines, 200, lines[:95] + "\n… 1409 bytes left out …\n" + lines[1504:]},
		{long, 100, long[:50] + "\n… 900 bytes left out …\n" + long[:50]},
	} {
		for _, size := range []int{1, 7, 16, 5000} {
			pieces := slices.Chunk([]byte(tt.text), size)
			if got := string(Excerpt(pieces, tt.limit)); got != tt.want {
				t.Errorf("%d of %d bytes in pieces of %d: %q, want %q", tt.limit, len(tt.text), size, got, tt.want)
			}
		}
	}
}
