package jsonstream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gotest.tools/gotestsum/testjson"
)

// oddLines are lines that go does not write.
var oddLines = []string{
	``, ` `, `null`, `{}`, `[]`, `"text"`, `17`, `FAIL`, `FAIL	example.com/m [build failed]`, `{`, `}`, `{"Action"`,
	`{"Action":"run"}`, `{"Action":""}`, `{"Action":null}`, `{"Action":1}`, `{"action":"run"}`, `{"ACTION":"run","Action":"fail"}`,
	`{"Action":"run","Action":"pass"}`, ` {"Action":"run"} `, "{\"Action\":\"run\"}\r", `{"Action":"run",}`, `{"Action":"run"}}`,
	`{"Action":"output","Package":"p","Test":"T","Output":"a\u003cb\n\t\"\\\/\b\f\r"}`,
	`{"Action":"output","Output":"\ud83d\ude00 \ud83d \ude00 \uD83D\u0041"}`, `{"Action":"output","Output":"\u12"}`, `{"Action":"output","Output":"\x"}`,
	"{\"Action\":\"output\",\"Output\":\"bad \xff\xfe \xe2\x82 utf-8\"}", "{\"Action\":\"output\",\"Output\":\"nul \x00\"}",
	"{\"Action\":\"output\",\"Output\":\"a tab\tis not allowed\"}", "{\"Action\":\"output\",\"Output\":\"nor is a unit separator \x1f here\"}",
	"{\"Action\":\"output\",\"Output\":\"but delete \x7f is\"}", `{"Action":"pass","Elapsed":0.12345678901234567}`, `{"Action":"pass","Elapsed":123456.78901234567}`, `{"Action":"output","Output":"ümlaut 日本 😀"}`, `{"Action":"output","Output":5}`,
	`{"Action":"pass","Elapsed":0}`, `{"Action":"pass","Elapsed":1.25}`, `{"Action":"pass","Elapsed":-1}`, `{"Action":"pass","Elapsed":1e3}`,
	`{"Action":"pass","Elapsed":1e999}`, `{"Action":"pass","Elapsed":01}`, `{"Action":"pass","Elapsed":1.}`, `{"Action":"pass","Elapsed":.5}`,
	`{"Action":"pass","Elapsed":123456789012345678901234567890}`, `{"Action":"pass","Elapsed":0.1000000000000000055511151231257827}`, `{"Action":"pass","Elapsed":999999999999.999}`,
	`{"Action":"pass","Elapsed":"1"}`, `{"Time":"2026-11-23T19:00:48.795091587Z","Action":"run"}`, `{"Time":"2026-11-23T19:00:48+05:30","Action":"run"}`,
	`{"Time":"2026-02-30T19:00:48Z","Action":"run"}`, `{"Time":"2026-11-23T24:00:00Z","Action":"run"}`, `{"Time":"2026-11-23T19:00:60Z","Action":"run"}`,
	`{"Time":"2026-11-23T19:00:48,5Z","Action":"run"}`, `{"Time":"2026-11-23t19:00:48z","Action":"run"}`, `{"Time":"","Action":"run"}`,
	`{"Time":"0001-01-01T00:00:00Z","Action":"run"}`, `{"Time":"9999-12-31T23:59:59-23:59","Action":"run"}`, `{"Time":"2026-11-23T19:00:48.1234567891Z","Action":"run"}`,
	`{"Time":"2026-11-23T19:00:48+24:00","Action":"run"}`, `{"Time":null,"Action":"run"}`, `{"Time":0,"Action":"run"}`,
	`{"Action":"new","Package":"p","Test":"T","Thing":{"deep":[1,2,{"er":null}]}}`, `{"Action":"fail","FailedBuild":17}`, `{"Action":"fail","FailedBuild":"p [p.test]"}`,
	`{"ImportPath":"p [p.test]","Action":"build-output","Output":"# p\n"}`, `{"Action":"attr","Key":"k","Value":"v"}`, `{"Action":"artifacts","Path":"/tmp/x"}`,
	`{"\u0041ction":"run"}`, `{"Action":"run","\u212aey":"v"}`, `{"Action":"output","Output":"x","OutputType":"frame"}`, `{"Action":"\u0072un"}`, `{"Action":"output","OutputType":1}`, `{"Action":"fail","NoEnd":"passed"}`, `{"action":"fail","noend":"x","outputtype":"error"}`,
	strings.Repeat("[", 20000), `{"Action":"run","X":` + strings.Repeat("[", 11000) + strings.Repeat("]", 11000) + `}`,
}

// FuzzDecode compares the fast path, the path for long lines and encoding/json.
func FuzzDecode(f *testing.F) {
	for _, stream := range streams(f) {
		lines := bytes.Split(stream, []byte{'\n'})
		for i := 0; i < len(lines); i += 1 + len(lines)/20 {
			f.Add(lines[i])
		}
	}
	for _, line := range oddLines {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return // the reader splits there
		}
		var slow decoder
		want := show(slow.slow(line))
		var fast decoder
		if fast.fast(line) {
			if got := show(fast.action()); got != want {
				t.Errorf("the fast path decodes %q as\n%s, want\n%s", line, got, want)
			}
		}
		if long, ok := scanLong(bytes.NewReader(line)); ok {
			o := long.output
			long.ev.output = text{raw: line[o.off : o.off+o.len], escaped: true, wide: true}
			if got := show(&long.ev); got != want {
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
func show(ev *event) string {
	if ev == nil {
		return "no event"
	}
	s := func(t text) string { return string(t.appendTo(nil)) }
	return fmt.Sprintf("%v %q %q %q %v %v %q %q %q %q %q %q %q", ev.kind, s(ev.action), ev.pkg, ev.test, ev.time, ev.elapsed,
		s(ev.output), s(ev.importPath), s(ev.key), s(ev.value), s(ev.failedBuild), s(ev.outputType), s(ev.noEnd))
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
