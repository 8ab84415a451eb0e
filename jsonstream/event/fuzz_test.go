package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/gotestsum/testjson"

	"pgtest/jsonstream/genstream"
)

// FuzzDecode compares the fast path, the path for long lines and encoding/json.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("../testdata/streams/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no recorded streams: %v", err)
	}
	for _, file := range files {
		stream, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		lines := bytes.Split(stream, []byte{'\n'})
		for i := 0; i < len(lines); i += 1 + len(lines)/20 {
			f.Add(lines[i])
		}
	}
	for _, line := range genstream.OddLines() {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return // the reader splits there
		}
		var slow Decoder
		want := show(slow.slow(line))
		var fast Decoder
		if fast.fast(line) {
			if got := show(fast.action()); got != want {
				t.Errorf("the fast path decodes %q as\n%s, want\n%s", line, got, want)
			}
		}
		if ev, o := decodeLong(bytes.NewReader(line)); ev != nil {
			ev.Output = Text{Raw: line[o.off : o.off+o.len], escaped: true, wide: true}
			if got := show(ev); got != want {
				t.Errorf("the path for long lines decodes %q as\n%s, want\n%s", line, got, want)
			}
		}
		var theirs testjson.TestEvent
		isEvent := json.Unmarshal(line, &theirs) == nil && theirs.Action != ""
		if isEvent != (want != "no event") {
			t.Errorf("%q is an event: %v, for testjson: %v", line, !isEvent, isEvent)
		}
	})
}

// show writes all that an event says.
func show(ev *Event) string {
	if ev == nil {
		return "no event"
	}
	return fmt.Sprintf("%v %q %q %q %v %v %q %q %q %q %q %q %q %q", ev.Kind, ev.Action, ev.Package, ev.Test, ev.Time, ev.Elapsed,
		ev.Output, ev.ImportPath, ev.Key, ev.Value, ev.FailedBuild, ev.OutputType, ev.Path, ev.NoEnd)
}

// TestCutString puts a string together from pieces.
func TestCutString(t *testing.T) {
	whole := []byte(strings.Repeat(`a\n\\\u0041ü\ud83d\ude00日😀\\ud83d\ud83dx`, 40))
	want := unescape(nil, whole)
	for size := 14; size < 60; size++ {
		var got []byte
		for rest := whole; len(rest) > 0; {
			n := min(size, len(rest))
			if n < len(rest) {
				n = cutString(rest[:n])
			}
			got = unescape(got, rest[:n])
			rest = rest[n:]
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("in pieces of %d bytes: %q, want %q", size, got, want)
		}
	}
}
