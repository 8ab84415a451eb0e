package test2json

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"pgtest/harness/harnesstest/race"
)

// streams are what test binaries print, and what tests print to be taken for it.
var streams = map[string]string{
	"passes":      "\x16=== RUN   TestA\n\x16--- PASS: TestA (0.01s)\n\x16PASS\n",
	"subtests":    "\x16=== RUN   TestA\n\x16=== RUN   TestA/b\n    a_test.go:7: hello\n\x16--- FAIL: TestA (0.00s)\n    \x16--- FAIL: TestA/b (1.50s)\n        \x16--- SKIP: TestA/b/c (0.00s)\nFAIL\n\x16FAIL\n",
	"indented":    "=== RUN   TestA\n--- FAIL: TestA (0.00s)\n    --- PASS: TestA/b (0.00s)\n        a_test.go:1: of b\n    a_test.go:2: of A\n            too deep\n            --- PASS: TestA/b/c/d (0.00s)\nFAIL\n",
	"parallel":    "\x16=== RUN   TestA\n\x16=== PAUSE TestA\n\x16=== RUN   TestB\n\x16=== PAUSE TestB\n\x16=== CONT  TestA\n\x16=== NAME  TestB\n    b: 1\n\x16=== NAME  \nnobody\n\x16--- PASS: TestB (0.00s)\n\x16--- PASS: TestA (0.00s)\n\x16PASS\n",
	"attributes":  "\x16=== RUN   TestA\n\x16=== ATTR  TestA key value of many words\n\x16=== ATTR  TestA key\n\x16=== ARTIFACTS TestA /tmp/a dir\n\x16--- PASS: TestA (0.00s)\n\x16PASS\n",
	"no newline":  "\x16=== RUN   TestA\nfirst\x16=== RUN   TestA/b\nsecond\x16--- PASS: TestA (0.00s)\nthird\x16PASS\n",
	"cut":         "\x16=== RUN   TestA\npanic: oh no\n\ngoroutine 1 [running]:\nexit status 2",
	"benchmarks":  "goos: linux\npkg: x\nBenchmarkA\nBenchmarkA-8   \t     100\t  123 ns/op\nBenchmarkB-8\tfoo\nBenchmarking\tno\nBenchmark\tyes\n\x16--- BENCH: BenchmarkA-8\n    a_test.go:3: x\nPASS\nok  \tx\t0.1s\n",
	"hostile":     "\x16=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\n=== RUN   TestFake\nok  \tp\t0.1s\n?   \tp\t[no test files]\nFAIL\tp\n\x16\x16PASS\r\n\x16=== NAME\n\x16=== RUN   \n\x16--- PASS: TestA (s)\n\x16--- PASS: A (1s) (2s)\n\x16--- FAIL: TestA (9e999s)\nFAIL\r\nPASS\r",
	"unmarked":    "=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestFake\n    --- PASS: Fake/x (0.00s)\nPASS\n",
	"no files":    "?   \tp\t[no test files]\n",
	"exits":       "ok so far\n",
	"nothing":     "",
	"marks alone": "\x16\n\x16\x16\n\x16",
	"bytes":       "\x16=== RUN   TestA\n\xff\xfe\x00<&>\u2028\xe2\x82\n\xf0\x9f\x98\x80 ok \xf0\x9f\n\x16--- PASS: TestA\xff (0.00s)\n\x16PASS\n",
	"errors":      "\x16=== RUN   TestA\n    \x0fa_test.go:7: wrong\n        and more\x0e\n    a_test.go:8: said \x1b\x0f not \x1b\x1b this\nprinted \x0fthen\x0e\x0e\n\x0f\x0f\x0e\x0e\n\x1b\x16=== RUN x\n\x1b\n\x16--- FAIL: TestA (0.00s)\n\x0f\n\x0eafter\n\x16FAIL\n\x0fopen",
	"long": "\x16=== RUN   TestA\n" + strings.Repeat("é", 700) + "\n" + strings.Repeat("x", 1023) + "日本\n" + strings.Repeat("y", 5000) + "\n\x0f" + strings.Repeat("日", 2000) + "\x0e\n" +
		strings.Repeat(" ", 4088) + "\x16PASS\n\x16=== RUN   " + strings.Repeat("T", 4085) + "\n\x16=== RUN   " + strings.Repeat("T", 4090) + "\n\x16--- PASS: TestA (0.00s)\nPASS",
}

// pieces are what random streams are made of.
var pieces = []string{
	"\x16", "\n", "\r\n", "\x0f", "\x0e", "\x1b", " ", "    ", "=== RUN   TestA", "=== PAUSE TestA", "=== CONT  TestA", "=== NAME  ", "=== NAME", "=== ATTR  TestA k v", "=== ARTIFACTS TestA /d",
	"=== PASS  TestA", "--- PASS: TestA (0.01s)", "--- FAIL: TestA/b", "--- SKIP: ", "--- BENCH: BenchmarkA-8", "PASS", "FAIL", "FAIL\tp", "BenchmarkA-8  \t", "Benchmark", "\t", "text", "é", "\xff", "\xe2\x82",
	"?   \tp\t[no test files]", strings.Repeat("z", 1000), strings.Repeat("é", 1500),
}

// A script is a stream as it is written: in chunks.
type script [][]byte

// scripts returns each stream in whole, cut once at many places, and byte by
// byte, and random ones.
func scripts() []script {
	cuts, randoms := 40, 300
	if race.Enabled {
		cuts, randoms = 5, 20 // one goroutine has no races, and takes ten times as long
	}
	var all []script
	for _, text := range streams {
		all = append(all, script{[]byte(text)})
		var bytewise script
		step := max(1, len(text)/cuts)
		for i := range len(text) {
			bytewise = append(bytewise, []byte(text[i:i+1]))
			if i%step == 0 {
				all = append(all, script{[]byte(text[:i]), []byte(text[i:])})
			}
		}
		if len(text) < 2*maxFrame && !race.Enabled {
			all = append(all, bytewise) // a longer one takes seconds
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range randoms {
		var s script
		for range random.IntN(30) {
			var chunk []byte
			for range random.IntN(4) {
				chunk = append(chunk, pieces[random.IntN(len(pieces))]...)
			}
			s = append(s, chunk)
		}
		all = append(all, s)
	}
	return all
}

// refereeMain feeds go's own converter with scripts from standard input.
const refereeMain = `package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
)

func main() {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	number := func() int {
		var b [4]byte
		if _, err := io.ReadFull(in, b[:]); err != nil {
			out.Flush()
			os.Exit(0)
		}
		return int(binary.LittleEndian.Uint32(b[:]))
	}
	for i := 0; ; i++ {
		chunks := number()
		c := NewConverter(out, "p", Timestamp)
		for range chunks {
			b := make([]byte, number())
			io.ReadFull(in, b)
			c.Write(b)
		}
		var err error
		if i%2 == 1 {
			err = errors.New("failed")
		}
		c.Exited(err)
		c.Close()
		out.WriteString("\n")
	}
}
`

// TestAsGo compares the events with those of the converter of the Go in use, of
// which it builds a program.
func TestAsGo(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "src/cmd/internal/test2json/test2json.go"))
	if os.IsNotExist(err) {
		t.Skip("Go is installed without the source of its commands")
	} else if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module referee\n\ngo 1.25\n")
	write("main.go", refereeMain)
	write("test2json.go", strings.Replace(string(source), "package test2json", "package main", 1))
	build := exec.Command("go", "build", "-o", "referee", ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all := scripts()
	var in bytes.Buffer
	for _, s := range all {
		binary.Write(&in, binary.LittleEndian, uint32(len(s)))
		for _, chunk := range s {
			binary.Write(&in, binary.LittleEndian, uint32(len(chunk)))
			in.Write(chunk)
		}
	}
	referee := exec.Command(filepath.Join(dir, "referee"))
	referee.Stdin = &in
	out, err := referee.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(string(out), "\n\n")
	if len(want) != len(all)+1 {
		t.Fatalf("the referee answered %d of %d times", len(want)-1, len(all))
	}
	dialect, failures := DialectOf(runtime.Version()), 0
	for i, s := range all {
		var got bytes.Buffer
		c := New(&got, "p", dialect)
		for _, chunk := range s {
			c.Write(chunk)
		}
		c.Close(i%2 == 1)
		if g, w := withoutTimes(strings.TrimSuffix(got.String(), "\n")), withoutTimes(want[i]); g != w {
			t.Errorf("%.300q:\n%s", s, difference(g, w))
			if failures++; failures == 5 {
				t.FailNow()
			}
		}
	}
}

var (
	eventTime   = regexp.MustCompile(`"Time":"[^"]*",`)
	packageTime = regexp.MustCompile(`,"Elapsed":[0-9.e-]+}$`)
)

// withoutTimes drops what differs from run to run: the times of events, and that
// of the package in the last one.
func withoutTimes(events string) string {
	return packageTime.ReplaceAllString(eventTime.ReplaceAllString(events, ""), "}")
}

func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("got  %q\nwant %q", g[i:min(i+3, len(g))], w[i:min(i+3, len(w))])
		}
	}
	return ""
}

func TestDialect(t *testing.T) {
	for version, want := range map[string]Dialect{
		"go1.25.5": {}, "go1.26.8": {artifacts: true}, "go1.26.8 X:nodwarf5": {artifacts: true},
		"go1.27.3": {true, true}, "go1.27rc1": {true, true}, "devel +0123456": {true, true},
	} {
		if got := DialectOf(version); got != want {
			t.Errorf("%s: %v, want %v", version, got, want)
		}
	}
}
