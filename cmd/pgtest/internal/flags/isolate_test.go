package flags

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestParseIsolate(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		value string
		want  []string
		ok    bool
	}{
		{"package", nil, true},
		{"test", []string{"..."}, true},
		{"test:example.com/m/...", []string{"example.com/m/..."}, true},
		{"test:.,./db/...,x", []string{wd, filepath.Join(wd, "db/..."), "x"}, true},
		{"test:", nil, false},
		{"test:a,", nil, false},
		{"tests", nil, false},
		{"", nil, false},
	} {
		got, err := parseIsolate(tt.value)
		if !slices.Equal(got, tt.want) || (err == nil) != tt.ok {
			t.Errorf("parseIsolate(%q) = %q, %v, want %q", tt.value, got, err, tt.want)
		}
	}
}
