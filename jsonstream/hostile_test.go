package jsonstream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"gotest.tools/gotestsum/testjson"

	"pgtest/harness/harnesstest/race"
	"pgtest/jsonstream/event"
	"pgtest/jsonstream/format"
	"pgtest/jsonstream/genstream"
	"pgtest/jsonstream/internal/spool"
	"pgtest/jsonstream/junit"
	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// TestCutAnywhere ends each recorded stream in 400 places, or with
// PGTEST_EVERY_BYTE after every byte. Whatever the place, every line is shown
// and nothing crashes.
func TestCutAnywhere(t *testing.T) {
	every := os.Getenv("PGTEST_EVERY_BYTE") != ""
	for name, stream := range streams(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := 1 + len(stream)/400
			switch {
			case every:
				step = 1
			case race.Enabled:
				step = 1 + len(stream)/50
			}
			for n := 0; n <= len(stream); n += step {
				part := stream[:n]
				shown, _ := ours(t, part, "", Options{Format: "standard-json", NoSummary: true})
				if want := string(part); strings.TrimSuffix(shown, "\n") != strings.TrimSuffix(want, "\n") {
					t.Fatalf("cut at %d: lines are lost", n)
				}
				if n%5 > 0 && !every {
					continue
				}
				_, r := ours(t, part, "", Options{Format: "testname", JUnit: &junit.Options{Out: io.Discard}})
				checkCounts(t, r)
			}
		})
	}
}

// checkCounts checks that every test of a report has a result.
func checkCounts(t *testing.T, r result.Report) {
	t.Helper()
	for _, p := range r.Packages {
		if n := p.PassedTests + len(p.Failed) + len(p.Skipped) + len(p.Interrupted); n > p.Tests {
			t.Fatalf("%s: %d results of %d tests", p.Path, n, p.Tests)
		}
	}
}

// TestOddLines shows every line that is no event as it is, in every format.
func TestOddLines(t *testing.T) {
	terminal(t)
	var stream bytes.Buffer
	var plain []string
	var d event.Decoder
	for i, line := range genstream.OddLines() {
		if line != "" && d.Decode([]byte(strings.TrimSuffix(line, "\r"))) == nil {
			plain = append(plain, line)
		}
		fmt.Fprintf(&stream, "%s\n{\"Action\":\"output\",\"Package\":\"p\",\"Test\":\"T%d\",\"Output\":\"x\\n\"}\r\n", line, i)
	}
	stream.WriteString(`{"Action":"run","Package":"p","Test":"cut`)
	plain = append(plain, `{"Action":"run","Package":"p","Test":"cut`)
	for _, name := range append(format.Names(), "debug") {
		got, r := ours(t, stream.Bytes(), "", Options{Format: name, Summary: testjson.SummarizeAll, JUnit: &junit.Options{Out: io.Discard}})
		for _, line := range plain {
			if !strings.Contains(got, line+"\n") {
				t.Errorf("%s does not show %.80q", name, line)
			}
		}
		checkCounts(t, r)
	}
}

// TestStrangeOrder feeds events that come without what belongs before them.
func TestStrangeOrder(t *testing.T) {
	terminal(t)
	events := []string{
		`{"Action":"fail","Package":"p","Test":"TestA/sub"}`,
		`{"Action":"output","Package":"p","Test":"TestA/sub","Output":"after the end\n"}`,
		`{"Action":"pass","Package":"p","Test":"TestA"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"late\n"}`,
		`{"Action":"run","Package":"p","Test":"TestB"}`,
		`{"Action":"run","Package":"p","Test":"TestB"}`,
		`{"Action":"run","Package":"p","Test":"TestB/x"}`,
		`{"Action":"pass","Package":"p","Test":"TestB"}`,
		`{"Action":"skip","Package":"p","Test":"TestB/x"}`,
		`{"Action":"cont","Package":"p","Test":"TestC"}`,
		`{"Action":"output","Package":"p","Test":"TestC","Output":"panic: test timed out after 1s\n"}`,
		`{"Action":"fail","Package":"p"}`,
		`{"Action":"output","Package":"p","Test":"TestD","Output":"after the package\n"}`,
		`{"Action":"pass","Package":"p"}`,
		`{"Action":"start","Package":"p"}`,
		`{"Action":"run","Package":"p","Test":"TestC"}`,
		`{"Action":"attr","Package":"p","Test":"TestC","Key":"k","Value":"v"}`,
		`{"Action":"fail","Package":"","Test":"TestE/sub/sub"}`,
		`{"Action":"build-fail","ImportPath":"q"}`,
		`{"Action":"skip","Package":"q"}`,
		`{"Action":"newer","Package":"q","Test":"TestF","Output":"?"}`,
		`{"Action":"run","Package":"q","Test":"` + strings.Repeat("long/", 4000) + `"}`,
		`{"Action":"fail","Package":"q","Test":"` + strings.Repeat("long/", 4000) + `"}`,
		`{"Action":"fail","Package":"` + strings.Repeat("very/", 4000) + `","Test":"TestG"}`,
	}
	for first := range events {
		for step := 1; step < 4; step++ {
			if race.Enabled && first%8 > 0 {
				continue
			}
			var stream []string
			for i := range events {
				stream = append(stream, events[(first+i*step)%len(events)])
			}
			for _, name := range append(format.Names(), "debug") {
				_, r := ours(t, []byte(strings.Join(stream, "\n")), "", Options{
					Format: name, Summary: testjson.SummarizeAll, JUnit: &junit.Options{Out: io.Discard},
				})
				checkCounts(t, r)
			}
		}
	}
}

// TestLongLines has lines far beyond what is held in memory.
func TestLongLines(t *testing.T) {
	const size = event.MaxLine + event.MaxLine/3 + 12345
	value := strings.Repeat(`line with \"quotes\" \u003cand\u003e ü😀 \ud83d\ude00\n`, size/50)
	var decoded string
	if err := json.Unmarshal([]byte(`"`+value+`"`), &decoded); err != nil {
		t.Fatal(err)
	}
	line := `{"Time":"2026-11-23T19:00:48Z","Action":"output","Package":"p","Test":"TestLong","Output":"` + value + `"}`
	for _, tt := range []struct{ name, line, want string }{
		{"event", line, decoded},
		{"spaced event", strings.Replace(line, ":", " : ", 1), decoded},
		{"event in odd order", `{"Output":"` + value + `","action":"output","Elapsed":1e2,"More":null,"Test":"TestLong","Package":"p"}`, decoded},
		{"cut", strings.TrimSuffix(line, `"}`), strings.TrimSuffix(line, `"}`) + "\n"},
		{"trailing bytes", line + "x", line + "x\n"},
		{"bad escape", strings.Replace(line, `"}`, `\x"}`, 1), strings.Replace(line, `"}`, `\x"}`, 1) + "\n"},
		{"two types", `{"Action":1,"Output":"` + value + `"}`, `{"Action":1,"Output":"` + value + "\"}\n"},
		{"nested", `{"Action":"output","X":{},"Output":"` + value + `"}`, `{"Action":"output","X":{},"Output":"` + value + "\"}\n"},
		{"long name", `{"Action":"output","Package":"` + value + `"}`, `{"Action":"output","Package":"` + value + "\"}\n"},
		{"another program's", `{"Action":"deploy","Output":"` + value + `"}`, `{"Action":"deploy","Output":"` + value + "\"}\n"},
		{"plain", value, value + "\n"},
		{"CRLF", line + "\r", decoded},
	} {
		if race.Enabled && tt.name != "event" && tt.name != "bad escape" {
			continue // the same goroutines
		}
		t.Run(tt.name, func(t *testing.T) {
			stream := []byte(`{"Action":"run","Package":"p","Test":"TestLong"}` + "\n" + tt.line + "\n" +
				`{"Action":"fail","Package":"p","Test":"TestLong"}` + "\n")
			dir := t.TempDir()
			var file bytes.Buffer
			got, _ := ours(t, stream, "", Options{Format: "standard-verbose", NoSummary: true, JSONFile: &file, SpoolDir: dir})
			if got != tt.want {
				t.Errorf("shows %d bytes, want %d", len(got), len(tt.want))
			}
			if want := onlyEvents(stream, tt.want == decoded); !strings.HasPrefix(file.String(), want) {
				t.Errorf("the JSON file has %d bytes, want %d", file.Len(), len(want))
			}
			if tt.want == decoded {
				got, _ = ours(t, stream, "", Options{Format: "none", Summary: testjson.SummarizeAll})
				if !strings.Contains(got, decoded) {
					t.Error("the summary does not show the output in one piece")
				}
			}
			raw, _ := ours(t, stream, "", Options{Format: "standard-json", NoSummary: true, SpoolDir: dir})
			if strings.ReplaceAll(raw, "\r", "") != strings.ReplaceAll(string(stream), "\r", "") {
				t.Error("standard-json changes the line")
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("%s is left", left[0].Name())
			}
		})
	}
}

// onlyEvents returns the start of the file of events: without the line in the
// middle, if that is none.
func onlyEvents(stream []byte, middle bool) string {
	lines := strings.SplitAfter(strings.ReplaceAll(string(stream), "\r\n", "\n"), "\n")
	if !middle {
		lines = slices.Delete(lines, 1, 2)
	}
	return strings.Join(lines, "")
}

// endless is a line without an end.
type endless struct {
	head string
	left int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.head != "" {
		n := copy(p, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for i := range p[:n] {
		p[i] = 'x'
	}
	e.left -= n
	return n, nil
}

// TestLineMemory reads a very long line, an event or not. What the reader and
// the spool hold stays within their bounds.
func TestLineMemory(t *testing.T) {
	size := 16 << 20
	if !race.Enabled {
		size = 256 << 20
	}
	for _, head := range []string{"", `{"Action":"output","Package":"p","Test":"T","Output":"`} {
		s, err := New(Options{Format: "pkgname", Summary: testjson.SummarizeAll})
		if err != nil {
			t.Fatal(err)
		}
		lines := event.NewLines(&endless{head: head, left: size}, 0, func() {
			if used := s.spool.Used(); used > spool.Limit+spool.BufferLimit*2 {
				t.Errorf("the spool holds %d bytes", used)
			}
		})
		for {
			piece, whole, err := lines.Next()
			if err == io.EOF {
				break
			}
			if len(piece) > event.MaxLine {
				t.Fatalf("the reader holds %d bytes", len(piece))
			}
			if whole {
				s.line(piece)
			} else if err := s.longLine(piece, lines); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Finish(); err != nil {
			t.Fatal(err)
		}
	}
}

// watched calls a function before each read.
type watched struct {
	io.Reader
	before func()
}

func (w watched) Read(p []byte) (int, error) {
	w.before()
	return w.Reader.Read(p)
}

// counter counts what is written and remembers the most that a check found.
type counter struct {
	n      int
	before func()
}

func (c *counter) Write(p []byte) (int, error) {
	c.before()
	c.n += len(p)
	return len(p), nil
}

// TestLargeOutput has a test that prints far more than the spool keeps in
// memory, and fails: all of it is shown and reported, and memory keeps its
// bound.
func TestLargeOutput(t *testing.T) {
	size := 12 * spool.Limit
	if race.Enabled {
		size = 2 * spool.Limit
	}
	for _, format := range []string{"pkgname", "testname", "github-actions"} {
		var s *Stream
		check := func() {
			if used := s.spool.Used(); used > spool.Limit+2*spool.BufferLimit {
				t.Fatalf("%s: the spool holds %d bytes", format, used)
			}
			if held := s.out.Held(); held > 2*sink.ScreenMax {
				t.Fatalf("%s: %d bytes wait for Stdout", format, held)
			}
		}
		out, xml := &counter{before: check}, &counter{before: check}
		s, err := New(Options{Format: format, Stdout: out, Summary: testjson.SummarizeAll, JUnit: &junit.Options{Out: xml, MaxOutput: -1}})
		if err != nil {
			t.Fatal(err)
		}
		r, w := io.Pipe()
		go func() {
			w.CloseWithError(genstream.Fail(w, int64(size)))
		}()
		if err := s.ReadOutput(watched{r, check}); err != nil {
			t.Error(err)
		}
		if _, err := s.Finish(); err != nil {
			t.Error(err)
		}
		printed := size / 1000 * 1000
		shown := 1
		if format != "pkgname" {
			shown = 2 // when it ends and in the summary
		}
		if out.n < shown*printed || xml.n < printed {
			t.Errorf("%s: %d bytes are shown and %d reported, of %d", format, out.n, xml.n, printed)
		}
	}
}

// FuzzStream feeds whole streams of any bytes: every line is shown and nothing
// crashes.
func FuzzStream(f *testing.F) {
	for _, stream := range streams(f) {
		f.Add(stream[:min(len(stream), 3000)], uint8(len(stream)))
	}
	odd := genstream.OddLines()
	f.Add([]byte(strings.Join(odd[:len(odd)-2], "\n")), uint8(0))
	formats := format.Names()
	f.Fuzz(func(t *testing.T, stream []byte, n uint8) {
		shown, _ := ours(t, stream, "", Options{Format: "standard-json", NoSummary: true})
		want := strings.ReplaceAll(string(stream), "\r\n", "\n")
		if strings.TrimRight(shown, "\r\n") != strings.TrimRight(want, "\r\n") {
			t.Errorf("lines are lost: %q becomes %q", stream, shown)
		}
		_, r := ours(t, stream, "", Options{
			Format: formats[int(n)%len(formats)], Summary: testjson.SummarizeAll, JUnit: &junit.Options{Out: io.Discard},
		})
		checkCounts(t, r)
	})
}
