package jsonstream

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"

	"gotest.tools/gotestsum/testjson"
	"pgtest/jsonstream/genstream"
	"pgtest/jsonstream/junit"
)

func generated(t testing.TB) []byte {
	var stream bytes.Buffer
	o := genstream.Million
	o.Packages /= 10
	if err := genstream.Write(&stream, o); err != nil {
		t.Fatal(err)
	}
	return stream.Bytes()
}

// BenchmarkStream formats 100,040 events in each format.
func BenchmarkStream(b *testing.B) {
	stream := generated(b)
	for _, format := range Formats() {
		for _, name := range []string{"", "+junit"} {
			b.Run(format+name, func(b *testing.B) {
				b.SetBytes(int64(len(stream)))
				b.ReportAllocs()
				for range b.N {
					opts := Options{Format: format, Summary: testjson.SummarizeAll}
					if name != "" {
						opts.JUnit = &junit.Options{Out: io.Discard}
					}
					s, err := New(opts)
					if err != nil {
						b.Fatal(err)
					}
					s.ReadOutput(bytes.NewReader(stream))
					if _, err := s.Finish(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkDecode decodes one line, in place and with encoding/json.
func BenchmarkDecode(b *testing.B) {
	line := []byte(`{"Time":"2026-11-23T19:00:58.819542753Z","Action":"output","Package":"example.com/m/bench","Test":"TestBeside","Output":"    a_test.go:11: want \"a\", got <b> \u0026 more of it\n"}`)
	b.Run("fast", func(b *testing.B) {
		var d decoder
		b.ReportAllocs()
		for range b.N {
			d.decode(line)
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		var ev testjson.TestEvent
		b.ReportAllocs()
		for range b.N {
			json.Unmarshal(line, &ev)
		}
	})
}

// TestNoAllocations handles lines that nobody will see: outputs of a test that
// passes, in a format that shows packages.
func TestNoAllocations(t *testing.T) {
	s, err := New(Options{Format: "pkgname", Summary: testjson.SummarizeAll, JUnit: &junit.Options{Out: io.Discard}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Finish()
	s.line([]byte(`{"Action":"run","Package":"p","Test":"TestA"}` + "\n"))
	line := []byte(`{"Time":"2026-11-23T19:00:58.819542753Z","Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:11: \"quoted\" \u003cescaped\u003e\n"}` + "\n")
	if n := testing.AllocsPerRun(10000, func() { s.line(line) }); n > 0 {
		t.Errorf("%v allocations for a line", n)
	}
}
