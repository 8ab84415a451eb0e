package harness

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadVariables reads what a setup wrote, or says which line is wrong.
func TestReadVariables(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "",
		"A=1\n\nB=x y=z":           "A=1|B=x y=z",
		"A=\n":                     "A=",
		"A\n":                      `PGTEST_ENV: line 1 is not KEY=value: "A"`,
		"A=1\n=2\n":                `PGTEST_ENV: line 2 is not KEY=value: "=2"`,
		"export A=1\n":             `PGTEST_ENV: line 1 is not KEY=value: "export A=1"`,
		"A=\x00\n":                 `PGTEST_ENV: line 1 is not KEY=value: "A=\x00"`,
		"_PGTEST_X=1\n":            "PGTEST_ENV: line 1: _PGTEST_X is set by pgtest",
		"A=1\nPGTEST_SLOT=1\n":     "PGTEST_ENV: line 2: PGTEST_SLOT is set by pgtest",
		strings.Repeat("x", 1<<18): "PGTEST_ENV: a line has more than 128 KiB",
	} {
		path := filepath.Join(t.TempDir(), "env")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		env, err := readVariables(path)
		got := strings.Join(env, "|")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.40q: %s, want %s", text, got, want)
		}
	}
}
