package complete

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgtest/harness/gotest/sources"
)

// module is what is completed.
var module = map[string]string{
	"go.mod":                       "// about\nmodule \"example.com/m\"\n",
	"a/a_test.go":                  "package a\n\nfunc TestA(t *testing.T) {}\nfunc TestAB(t *testing.T) {}\nfunc BenchmarkA(b *testing.B) {}\nfunc FuzzA(f *testing.F) {}\n",
	"a/tagged_test.go":             "//go:build tagged\n\npackage a\n\nfunc TestTagged(t *testing.T) {}\n",
	"a/other_test.go":              "//go:build !linux && !darwin && !freebsd\n\npackage a\n\nfunc TestOther(t *testing.T) {}\n",
	"a/sub/deep/d_test.go":         "package deep\n\nfunc TestDeep(t *testing.T) {}\nfunc Example() {\n\t// Output: x\n}\n",
	"ab/x.go":                      "package ab\n",
	"b/b_test.go":                  "package b\n\nfunc TestA(t *testing.T) {}\nfunc TestB(t *testing.T) {}\n",
	"b/testdata/t_test.go":         "package t\n\nfunc TestData(t *testing.T) {}\n",
	"b/_hidden/h_test.go":          "package h\n\nfunc TestHidden(t *testing.T) {}\n",
	"other/go.mod":                 "module example.com/other\n",
	"other/o_test.go":              "package other\n\nfunc TestO(t *testing.T) {}\n",
	"vendor/example.com/v_test.go": "package v\n\nfunc TestV(t *testing.T) {}\n",
}

func enterModule(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range module {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

func TestPackages(t *testing.T) {
	dir := enterModule(t)
	check := func(word, want string) {
		t.Helper()
		got := strings.ReplaceAll(strings.Join(Packages(strings.ReplaceAll(word, "DIR", dir)), " "), dir, "DIR")
		if got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
	for _, word := range []string{"", ".", "./"} {
		check(word, "./... ./a ./a/ ./b")
	}
	check("./a", "./a ./a/")
	check("./a/", "./a/... ./a/sub/")
	check("./a/s", "./a/sub/")
	check("./a/sub/", "./a/sub/... ./a/sub/deep")
	check("./a/..", "./a/...")
	check("./ab/", "")
	check("./b/", "./b/...")
	check("./none/", "")
	check("DIR/b", "DIR/b")
	check("exam", "example.com/m/... example.com/m/a example.com/m/a/ example.com/m/b")
	check("example.com/m/a/sub/", "example.com/m/a/sub/... example.com/m/a/sub/deep")
	check("fmt", "")
	t.Chdir(filepath.Join(dir, "a"))
	check("../", "../... ../a ../a/ ../b")
	check("..", "../... ../a ../a/ ../b")
	check("example.com/m/b", "example.com/m/b")
	t.Chdir("/")
	check("exam", "")
}

func TestTests(t *testing.T) {
	dir := enterModule(t)
	for _, tt := range []struct{ word, packages, tags, kinds, want string }{
		{"Test", "./a", "", "", "TestA TestAB"},
		{"", "./a", "", "", "FuzzA TestA TestAB"},
		{"TestA", "./...", "", "", "TestA TestAB"},
		{"Test", "", "", "", "TestA TestAB TestB TestDeep"}, // none here, so below
		{"^TestA", "./a ./b", "", "", "^TestA$ ^TestAB$"},
		{"TestX|TestB", "./...", "", "", "TestX|TestB"},
		{"^TestX$|^TestB", "./b", "", "", "^TestX$|^TestB$"},
		{"Test", "./a", "x tagged", "", "TestA TestAB TestTagged"},
		{"", "example.com/m/a/...", "", "", "Example FuzzA TestA TestAB TestDeep"},
		{"", "DIR/b", "", "", "TestA TestB"},
		{"", "example.com/elsewhere fmt ./none", "", "", ""},
		{"Ben", "./...", "", "Benchmark", "BenchmarkA"},
		{"", "./...", "", "Fuzz", "FuzzA"},
		{"(", "./...", "", "", ""},
	} {
		kinds := sources.Tests
		if tt.kinds != "" {
			kinds = []sources.Kind{sources.Kind(tt.kinds)}
		}
		packages := strings.Fields(strings.ReplaceAll(tt.packages, "DIR", dir))
		if got := strings.Join(Tests(tt.word, packages, strings.Fields(tt.tags), kinds...), " "); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
	t.Chdir(filepath.Join(dir, "b"))
	if got := strings.Join(Tests("Test", nil, nil, sources.Tests...), " "); got != "TestA TestB" {
		t.Errorf("here: %s", got)
	}
}
