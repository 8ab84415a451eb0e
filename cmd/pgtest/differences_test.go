package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestDifferences runs the script of each row of docs/differences.md that says
// how pgtest differs from go test. A script is named after the row's first
// column; neither may be without the other.
func TestDifferences(t *testing.T) {
	dir := filepath.Join("testdata", "differences")
	module, err := filepath.Abs(filepath.Join(dir, "module"))
	if err != nil {
		t.Fatal(err)
	}
	rows := differences(t)
	scripts, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range scripts {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		if !rows[name] {
			t.Errorf("%s: no row of docs/differences.md", path)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("docs/differences.md: no script %s.txtar for a row", name)
	}
	p := scriptParams(t)
	p.Dir = dir
	cache := t.TempDir() // one for all, so that each package is linked once
	setup := p.Setup
	p.Setup = func(env *testscript.Env) error {
		env.Setenv("MODULE", module)
		env.Setenv("XDG_CACHE_HOME", cache)
		return setup(env)
	}
	testscript.Run(t, p)
}

// differences returns the first columns of the rows that compare pgtest with
// go test, in small letters, with dashes between words.
func differences(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "differences.md"))
	if err != nil {
		t.Fatal(err)
	}
	compared, _, found := strings.Cut(string(text), "\n## macOS")
	if !found {
		t.Fatal("docs/differences.md: no section on macOS")
	}
	rows := make(map[string]bool)
	for line := range strings.Lines(compared) {
		row, isRow := strings.CutPrefix(line, "| ")
		cell, _, _ := strings.Cut(row, " |")
		if !isRow || cell == "what" || strings.HasPrefix(cell, "---") {
			continue
		}
		words := strings.FieldsFunc(strings.ToLower(cell), func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r)
		})
		rows[strings.Join(words, "-")] = true
	}
	if len(rows) < 20 {
		t.Fatalf("docs/differences.md: only %d rows", len(rows))
	}
	return rows
}
