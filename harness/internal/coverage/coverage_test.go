package coverage

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMerge(t *testing.T) {
	const a, b = "m/a.go:1.2,3.4 2 ", "m/b c.go:1.2,3.4 1 "
	for _, tt := range []struct{ first, later, want string }{
		{"mode: set\n" + a + "1\n", "mode: set\n" + a + "1\n", "mode: set\n" + a + "1\n"},
		{"mode: set\n" + a + "0\n" + b + "1\n", "mode: set\n" + a + "1\n" + b + "0\n", "mode: set\n" + a + "1\n" + b + "1\n"},
		{"mode: count\n" + a + "3\n", "mode: count\n" + b + "4\n" + a + "2\n", "mode: count\n" + a + "5\n" + b + "4\n"},
		{"mode: atomic\n" + a + "1\n" + a + "1\n", "mode: atomic\n", "mode: atomic\n" + a + "2\n"},
		{"", "mode: set\n" + a + "1\n", "mode: set\n" + a + "1\n"},
		{"mode: set\n" + a + "1\n", "", "mode: set\n" + a + "1\n"},
		{"mode: set\n", "mode: count\n", ""},
		{"mode: set\nx\n", "mode: set\n", ""},
	} {
		dir := t.TempDir()
		target := filepath.Join(dir, "target")
		if err := os.WriteFile(target, []byte(tt.first), 0o666); err != nil {
			t.Fatal(err)
		}
		p := New(target)
		if err := p.Merge(); err != nil { // no round yet
			t.Error(err)
		}
		if err := os.WriteFile(p.Next(dir), []byte(tt.later), 0o666); err != nil {
			t.Fatal(err)
		}
		err := p.Merge()
		got, _ := os.ReadFile(target)
		if tt.want == "" {
			if err == nil || string(got) != tt.first {
				t.Errorf("%q and %q: %v, %q", tt.first, tt.later, err, got)
			}
			continue
		}
		if err != nil || string(got) != tt.want {
			t.Errorf("%q and %q: %v, %q", tt.first, tt.later, err, got)
		}
		p.Next(dir)
		if err := p.Merge(); err != nil { // a round without a profile
			t.Error(err)
		}
	}
}
