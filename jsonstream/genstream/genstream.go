// Package genstream writes event streams of any size, in the shape and with the
// bytes that go test -json gives its events.
package genstream

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"time"
)

// Options say how large a stream is. Every test passes.
type Options struct {
	Packages int
	Tests    int // in each package
	Lines    int // that each test prints, beside go's own
	Running  int // packages that interleave at a time, as with -p
}

// Million is the stream of the benchmarks: 1,000,400 events, 197 MB.
var Million = Options{Packages: 100, Tests: 1000, Lines: 6, Running: 4}

// Write writes a stream.
func Write(out io.Writer, o Options) error {
	w := &writer{Writer: bufio.NewWriterSize(out, 1<<20), now: time.Date(2026, 11, 23, 9, 0, 0, 123456789, time.UTC)}
	for first := 0; first < o.Packages; first += o.Running {
		last := min(first+o.Running, o.Packages)
		for p := first; p < last; p++ {
			w.event("start", name(p), "", "")
		}
		for t := range o.Tests {
			for p := first; p < last; p++ {
				w.test(name(p), t, o.Lines)
			}
		}
		for p := first; p < last; p++ {
			w.event("output", name(p), "", `,"Output":"PASS\n"`)
			w.event("output", name(p), "", fmt.Sprintf(`,"Output":"ok  \t%s\t1.234s\n"`, name(p)))
			w.event("pass", name(p), "", `,"Elapsed":1.234`)
		}
	}
	return w.Flush()
}

// Fail writes the stream of one test that prints size bytes, in lines of a
// thousand, and fails.
func Fail(out io.Writer, size int64) error {
	w := &writer{Writer: bufio.NewWriterSize(out, 1<<20), now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	const test = "TestLarge"
	w.event("start", name(0), "", "")
	w.event("run", name(0), test, "")
	w.event("output", name(0), test, `,"Output":"=== RUN   TestLarge\n"`)
	line := fmt.Sprintf(`,"Output":"%s\n"`, bytes.Repeat([]byte("0123456789"), 100)[:999])
	for range size / 1000 {
		w.event("output", name(0), test, line)
	}
	w.event("output", name(0), test, `,"Output":"--- FAIL: TestLarge (1.00s)\n"`)
	w.event("fail", name(0), test, `,"Elapsed":1`)
	w.event("output", name(0), "", `,"Output":"FAIL\n"`)
	w.event("fail", name(0), "", `,"Elapsed":1.1`)
	return w.Flush()
}

func name(p int) string {
	return fmt.Sprintf("example.com/big/module/internal/package%03d", p)
}

type writer struct {
	*bufio.Writer
	now time.Time
}

// event writes one event; rest are its further members.
func (w *writer) event(action, pkg, test, rest string) {
	w.now = w.now.Add(1234567)
	w.WriteString(`{"Time":"`)
	w.Write(w.now.AppendFormat(w.AvailableBuffer(), time.RFC3339Nano))
	w.WriteString(`","Action":"` + action + `","Package":"` + pkg)
	if test != "" {
		w.WriteString(`","Test":"` + test)
	}
	w.WriteString(`"` + rest + "}\n")
}

func (w *writer) test(pkg string, n, lines int) {
	test := fmt.Sprintf("TestSomething%04d", n)
	w.event("run", pkg, test, "")
	w.event("output", pkg, test, `,"Output":"=== RUN   `+test+`\n"`)
	for i := range lines {
		w.event("output", pkg, test, fmt.Sprintf(`,"Output":"    something_test.go:%d: checked value %d of \"thing\"\n"`, 10+i, n*i))
	}
	w.event("output", pkg, test, `,"Output":"--- PASS: `+test+` (0.01s)\n"`)
	w.event("pass", pkg, test, `,"Elapsed":0.01`)
}
