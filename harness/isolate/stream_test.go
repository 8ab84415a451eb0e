//go:build unix

package isolate

import (
	"fmt"
	"strings"
	"testing"

	"pgtest/harness/internal/testtext"
)

// A recorder is a sink that writes down what it gets, pieces of raw output
// joined.
type recorder struct {
	list   []string
	joined bool // the last entry is raw output
}

func (r *recorder) add(format string, args ...any) {
	r.list = append(r.list, fmt.Sprintf(format, args...))
	r.joined = false
}

func (r *recorder) raw(b []byte) {
	if r.joined {
		r.list[len(r.list)-1] += string(b)
		return
	}
	r.add("raw %s", b)
	r.joined = true
}

func (r *recorder) log(test string, b []byte)              { r.add("log %s: %s", test, b) }
func (r *recorder) crash(b []byte)                         { r.add("crash %s", b) }
func (r *recorder) run(test string)                        { r.add("run %s", test) }
func (r *recorder) report(test string, v testtext.Verdict) { r.add("%s %s", v, test) }
func (r *recorder) attr(test, key, value string)           { r.add("attr %s %s=%s", test, key, value) }
func (r *recorder) artifacts(test, dir string)             { r.add("artifacts %s %s", test, dir) }

const testMark = testtext.Marker + "=== ISOLATE mark\n"

// record returns what the sink gets for an output that is written in pieces of
// n bytes.
func record(output string, n int, bad bool, marks testtext.Marks) []string {
	var r recorder
	s := stream{sink: &r, target: "TestA", mark: testMark, marks: marks}
	for rest := output; rest != ""; {
		piece := rest[:min(n, len(rest))]
		rest = rest[len(piece):]
		s.Write([]byte(piece))
	}
	s.finish(bad)
	return r.list
}

type streamTest struct {
	name, output string
	bad          bool
	want         []string
}

var streamTests = []streamTest{
	{
		"nothing before the mark and after the report",
		"setup\n^=== RUN   TestA\n    a.go:1: early\n@x\n^--- PASS: TestA (0.00s)\nteardown\nPASS\n",
		false, []string{"raw x\n"},
	}, {
		"all of it when the end is bad",
		"setup\n^=== RUN   TestA\n    a.go:1: early\n",
		true, []string{"crash setup\n    a.go:1: early\n"},
	}, {
		"panic after the report",
		"@    a.go:1: x\n^--- FAIL: TestA (0.00s)\npanic: y\n",
		true, []string{"log TestA:     a.go:1: x\n", "crash panic: y\n"},
	}, {
		"panic before the report",
		"@out\npanic: y\n\ngoroutine 1:\n    a.go:1: x\n",
		true, []string{"raw out\n", "crash panic: y\n\ngoroutine 1:\n    a.go:1: x\n"},
	}, {
		"what looks like a panic",
		"@panic: not at all\nmore\n^=== RUN   TestA/s\n^--- SKIP: TestA/s (1.00s)\n",
		false, []string{"raw panic: not at all\nmore\n", "run TestA/s", "SKIP TestA/s"},
	}, {
		"unfinished lines",
		"@a^=== NAME  TestA/s\n    a.go:1: x\nb\npa",
		false, []string{"raw a", "log TestA/s:     a.go:1: x\n", "raw b\npa"},
	}, {
		"logged and printed lines with indentation",
		"@    a.go:1: x\n        more\n    by output\n{\n    1\n}\n    b.go:2: y\n",
		false, []string{
			"log TestA:     a.go:1: x\n", "log TestA:         more\n", "log TestA:     by output\n",
			"raw {\n    1\n}\n", "log TestA:     b.go:2: y\n",
		},
	}, {
		"markers that are none",
		"@^=== WHAT  TestA\n^x^\n^--- DONE: TestA\nend",
		false, []string{"raw ^=== WHAT  TestA\n^x^\n^--- DONE: TestA\nend"},
	}, {
		"attributes and artifacts",
		"@^=== ATTR  TestA key some value\n^=== ARTIFACTS TestA/s /tmp/a b\n",
		false, []string{"attr TestA key=some value", "artifacts TestA/s /tmp/a b"},
	},
}

// decode puts markers in the place of "^", and the mark in that of "@".
func decode(s string) string {
	return strings.NewReplacer("^", testtext.Marker, "@", testMark).Replace(s)
}

func TestStream(t *testing.T) {
	for _, tt := range streamTests {
		t.Run(tt.name, func(t *testing.T) {
			for _, n := range []int{1, 2, 7, 1 << 20} {
				for _, marks := range []testtext.Marks{false, true} {
					got := strings.Join(record(decode(tt.output), n, tt.bad, marks), "|")
					if want := decode(strings.Join(tt.want, "|")); got != want {
						t.Errorf("marks %v, in pieces of %d bytes:\n got %q\nwant %q", marks, n, got, want)
					}
				}
			}
		})
	}
}

// markedTests are outputs of package testing since Go 1.27, with "<" and ">"
// around errors and "\\" for an escape.
var markedTests = []streamTest{
	{
		"an error",
		"@<    a.go:1: x>\n    a.go:2: y\n^--- FAIL: TestA (0.00s)\n",
		false, []string{"log TestA:     a.go:1: x\n", "log TestA:     a.go:2: y\n"},
	}, {
		"an error of several lines, after printed ones",
		"@{\n    1\n}\n<    a.go:1: x\n        y\n        >\n    by output\n",
		false, []string{
			"raw {\n    1\n}\n", "log TestA:     a.go:1: x\n", "log TestA:         y\n", "log TestA:         \n",
			"log TestA:     by output\n",
		},
	}, {
		"an error after a line without an end, in a subtest",
		"@^=== RUN   TestA/s\nabc<    a.go:1: >\n^--- FAIL: TestA/s (0.00s)\n",
		false, []string{"run TestA/s", "raw abc", "log TestA/s:     a.go:1: \n", "FAIL TestA/s"},
	}, {
		"logged marks",
		"@    a.go:1: \\^--- FAIL: TestA (0.00s)\\\\ \\< \\>\n<    a.go:1: \\^x\\\\\\\\ \\<>\n",
		false, []string{"log TestA:     a.go:1: ^--- FAIL: TestA (0.00s)\\ < >\n", "log TestA:     a.go:1: ^x\\\\ <\n"},
	}, {
		"printed marks",
		"@a<b>c\n<no error\nx>\n\\[31mred\\[0m\n<    like one\nx\n^=== NAME  TestA\n    a.go:1: x\n",
		false, []string{
			"raw a<b>c\n<no error\nx>\n\\[31mred\\[0m\n", "log TestA:     like one\n", "raw x\n", "log TestA:     a.go:1: x\n",
		},
	}, {
		"an error after what looks like a panic, and the end",
		"@panic: x\n<    a.go:1: y>\n",
		true, []string{"crash panic: x\n    a.go:1: y\n"},
	}, {
		"an error before the mark",
		"<    a.go:1: y>\n",
		true, []string{"crash     a.go:1: y\n"},
	},
}

func decodeMarked(s string) string {
	return strings.NewReplacer("<", "\x0f", ">", "\x0e", "\\", "\x1b").Replace(decode(s))
}

func TestMarkedStream(t *testing.T) {
	for _, tt := range markedTests {
		t.Run(tt.name, func(t *testing.T) {
			for _, n := range []int{1, 2, 7, 1 << 20} {
				got := strings.Join(record(decodeMarked(tt.output), n, tt.bad, true), "|")
				if want := decodeMarked(strings.Join(tt.want, "|")); got != want {
					t.Errorf("in pieces of %d bytes:\n got %q\nwant %q", n, got, want)
				}
			}
		})
	}
}

// FuzzStream: it doesn't matter in what pieces the output comes, and printed
// text is never lost.
func FuzzStream(f *testing.F) {
	for _, tt := range streamTests {
		f.Add(tt.output, tt.bad, false)
	}
	for _, tt := range markedTests {
		f.Add(tt.output, tt.bad, true)
	}
	f.Fuzz(func(t *testing.T, output string, bad, marked bool) {
		marks := testtext.Marks(marked)
		output = decodeMarked(output)
		if len(output) > maxHeld {
			t.Skip("what is held depends on the pieces")
		}
		whole := strings.Join(record(output, len(output)+1, bad, marks), "|")
		if bytewise := strings.Join(record(output, 1, bad, marks), "|"); bytewise != whole {
			t.Errorf("byte by byte: %q\n      in one: %q", bytewise, whole)
		}
	})
}

func TestStreamBounds(t *testing.T) {
	var r recorder
	s := stream{sink: &r, target: "TestA", mark: testMark}
	s.Write([]byte(testMark + "panic: x\n"))
	long := []byte(strings.Repeat("y", 1000) + "\n")
	for range 10_000 {
		s.Write(long)
	}
	if len(s.held) > 2*maxHeld {
		t.Errorf("%d bytes held", len(s.held))
	}
	if fatal := string(s.cause[:10]); fatal != "panic: x\ny" {
		t.Errorf("cause %q", fatal)
	}
	s.phase = after
	for range 10_000 {
		s.Write(long)
	}
	if len(s.aside) > maxAside {
		t.Errorf("%d bytes aside", len(s.aside))
	}
}
