package nearest

import "testing"

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"format", "format", 0},
		{"formt", "format", 1},
		{"fromat", "format", 1},
		{"farmot", "format", 2},
		{"leeks", "leaks", 1},
		{"", "tty", 3},
		{"", "", 0},
		{"grüße", "grace", 2},
		{"abcdef", "badcfe", 3},
	} {
		for _, got := range []int{distance(tt.a, tt.b), distance(tt.b, tt.a)} {
			if got != tt.want {
				t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
			}
		}
	}
}
