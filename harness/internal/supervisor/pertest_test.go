package supervisor

import "testing"

func TestMatchesPackage(t *testing.T) {
	for _, tt := range []struct {
		pattern, path, dir string
		want               bool
	}{
		{"example.com/m", "example.com/m", "/m", true},
		{"example.com/m", "example.com/m/x", "/m/x", false},
		{"example.com/m/...", "example.com/m", "/m", true},
		{"example.com/m/...", "example.com/m/x/y", "/m/x/y", true},
		{"example.com/m/...", "example.com/mx", "/mx", false},
		{"example.com/.../y", "example.com/m/x/y", "/m/x/y", true},
		{"...x", "example.com/m/x", "/m/x", true},
		{"example.com/m.x", "example.com/m-x", "/m-x", false},
		{"/m/x", "example.com/m/x", "/m/x", true},
		{"/m/...", "example.com/m/x", "/m/x", true},
		{"/m/...", "example.com/m", "/n", false},
	} {
		if got := matchesPackage(tt.pattern, tt.path, tt.dir); got != tt.want {
			t.Errorf("matchesPackage(%q, %q, %q) = %v", tt.pattern, tt.path, tt.dir, got)
		}
	}
}
