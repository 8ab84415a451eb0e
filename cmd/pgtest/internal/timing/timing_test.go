package timing

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"pgtest/harness/harnesstest"
	"pgtest/harness/shard"
)

// run runs a tool with an input, and returns what it prints.
func run(tool, input string, args ...string) (stdout, stderr string, err error) {
	var out, errs strings.Builder
	err = Tools[tool]("pgtest tool "+tool, args, Streams{In: strings.NewReader(input), Out: &out, Err: &errs})
	return out.String(), errs.String(), err
}

func end(action, test string, seconds float64) string {
	return fmt.Sprintf(`{"Action":"run","Package":"m/a","Test":%q}
{"Action":%q,"Package":"m/a","Test":%q,"Elapsed":%g}
`, test, action, test, seconds)
}

// TestSlowestLongLines reads events whose lines no scanner takes.
func TestSlowestLongLines(t *testing.T) {
	output := fmt.Sprintf(`{"Action":"output","Package":"m/a","Test":"TestA","Output":%q}`, strings.Repeat("x", 1<<20))
	events := end("pass", "TestA", 1) + output + "\n\nFAIL\n" + end("fail", "TestB", 1) + end("skip", "TestC", 2)
	got, _, err := run("slowest", events+strings.TrimSuffix(output, "\n"))
	if want := "m/a TestC 2s\nm/a TestA 1s\nm/a TestB 1s\n"; err != nil || got != want {
		t.Errorf("%v: %s, want %s", err, got, want)
	}
	for input, want := range map[string]string{
		events + "ok\n":    "standard input: line 10 is no event of go test -json",
		`{"Action":1}`:     "standard input: line 1 is no event of go test -json",
		events + `{"Acti`:  "standard input: line 10 is no event of go test -json",
		"[]\n" + events:    "standard input: line 1 is no event of go test -json",
		`{"Elapsed":"1s"}`: "standard input: line 1 is no event of go test -json",
	} {
		if _, _, err := run("slowest", input); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

const longTests = `// Package a has a header.
package a

import "testing"

func TestLong(t *testing.T) {
	// a comment about the first
	t.Log("x") // and behind it
}

func TestNamed(tt *testing.T) { tt.Log("x") }

func TestSub(t *testing.T) { t.Run("b/c", func(t *testing.T) {}) }

func TestNone(_ *testing.T) {}

func TestFast(t *testing.T) {}

type T struct{}

func (T) TestLong(t *testing.T) {}

func ExampleT() {}
`

const skippedTests = `// Package a has a header.
package a

import "testing"

func TestLong(t *testing.T) {
	if testing.Short() {
		t.Skip("too slow for testing.Short")
	}

	// a comment about the first
	t.Log("x") // and behind it
}

func TestNamed(tt *testing.T) {
	if testing.Short() {
		tt.Skip("too slow for testing.Short")
	}

	tt.Log("x")
}

func TestSub(t *testing.T) {
	if testing.Short() {
		t.Skip("too slow for testing.Short")
	}

	t.Run("b/c", func(t *testing.T) {})
}
`

// TestSkips edits tests of a package and of its external test package, under a
// tag, and names what it can't edit.
func TestSkips(t *testing.T) {
	dir := t.TempDir()
	external := "//go:build x\n\npackage a_test\n\nimport \"testing\"\n\nfunc FuzzX(f *testing.F) {\n}\n"
	err := harnesstest.WriteModule(dir, map[string]string{"a/a_test.go": longTests, "a/x_test.go": external, "a/other_test.go": "package a\n"})
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	t.Setenv("GOFLAGS", "-tags=x")
	mode := os.FileMode(0o604)
	if err := os.Chmod("a/a_test.go", mode); err != nil {
		t.Fatal(err)
	}
	events := ""
	for _, name := range []string{"TestLong", "TestNamed", "TestSub/b/c", "TestSub", "FuzzX", "ExampleT", "TestNone"} {
		events += end("pass", name, 1)
	}
	events = strings.ReplaceAll(events+end("pass", "TestFast", 0.01), "m/a", "example.com/m/a")
	_, _, err = run("slowest", events, "--skip-stmt=testing.Short")
	want := "--skip-stmt: no source of a test that can be skipped: example.com/m/a.ExampleT, example.com/m/a.TestNone"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	got, err := os.ReadFile("a/a_test.go")
	if err != nil || !strings.HasPrefix(string(got), skippedTests) || !strings.HasSuffix(string(got), longTests[strings.Index(longTests, "\nfunc TestNone"):]) {
		t.Errorf("%v: %s", err, got)
	}
	if info, err := os.Stat("a/a_test.go"); err != nil || info.Mode() != mode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if got, err := os.ReadFile("a/x_test.go"); err != nil || !strings.Contains(string(got), "f.Skip(") {
		t.Errorf("%v: %s", err, got)
	}
	if files, err := filepath.Glob("a/.*"); err != nil || len(files) > 0 {
		t.Errorf("left: %v, %v", files, err)
	}
	for statement, want := range map[string]string{
		"":                  "",
		"}; func g() {":     `--skip-stmt "}; func g() {": not a Go statement`,
		"// nothing":        `--skip-stmt "// nothing": not a Go statement`,
		"if x() { return }": "",
	} {
		_, _, err := run("slowest", strings.ReplaceAll(end("pass", "TestLong", 1), "m/a", "example.com/m/a"), "--skip-stmt="+statement)
		if got := fmt.Sprint(err); got != want && (err != nil || want != "") {
			t.Errorf("%s: %s, want %s", statement, got, want)
		}
	}
	_, _, err = run("slowest", end("pass", "TestLong", 1), "--skip-stmt=testing.Short")
	if err == nil || !strings.HasPrefix(err.Error(), "m/a: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a package that is not there: %v", err)
	}
}

// TestParts reads the times of shards that divide a package, in two runs of a plan
// and in one of whole packages.
func TestParts(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	write := func(m shard.Mark, seconds int) {
		path := filepath.Join(dir, fmt.Sprint(len(paths)))
		text := append(m.Line(), fmt.Sprintf(`{"Action":"pass","Package":"p","Elapsed":%d}`+"\n", seconds)...)
		if m.Index == 2 {
			text = fmt.Appendf(nil, `<testsuites><testsuite name="p" time="%d"><properties><property name="pgtest.shard" value="2/2"/>`+
				`<property name="pgtest.shard.plan" value=%q/></properties></testsuite></testsuites>`, seconds, m.Plan)
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	want := func(want time.Duration) {
		t.Helper()
		times, err := readTimes(paths)
		if err != nil || times.of([]string{"p"})[0].Time != want {
			t.Errorf("%v, %v, want %v", err, times.of([]string{"p"})[0].Time, want)
		}
	}
	write(shard.Mark{Index: 1, Total: 2, Plan: "a"}, 3)
	write(shard.Mark{Index: 2, Total: 2, Plan: "a"}, 4)
	want(7 * time.Second)
	write(shard.Mark{Index: 1, Total: 2, Plan: "a"}, 5) // the same once more
	want(9 * time.Second)
	write(shard.Mark{Index: 1, Total: 2}, 11) // by name
	want(11 * time.Second)
}

// TestMixed makes a plan by times in files of all kinds: what is in none gets the
// mean.
func TestMixed(t *testing.T) {
	dir := t.TempDir()
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(z, `{"Action":"pass","Package":"b","Elapsed":4}`)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for name, text := range map[string]string{
		"events":     `{"Action":"pass","Package":"a","Elapsed":6}` + "\n",
		"compressed": packed.String(),
		"exported":   "\x50\x2A\x4D\x18\x04\x00\x00\x00head" + packed.String(),
		"report":     `<testsuites><testsuite name="c" time="2"></testsuite></testsuites>`,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	times, err := readTimes(paths)
	if err != nil {
		t.Fatal(err)
	}
	plan := shard.Divide(times.of([]string{"a", "b", "c", "unknown"}), 2)
	// 6 and 2 seconds are as long as 4 and the mean of 4.
	if p := plan.Packages; p["a"].Shard != p["c"].Shard || p["b"].Shard != p["unknown"].Shard || p["a"].Shard == p["b"].Shard {
		t.Errorf("%+v", plan)
	}
}
