package jsonstream

import (
	"bytes"
	"io"
	"testing"

	"gotest.tools/gotestsum/testjson"
	"pgtest/jsonstream/format"
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
	for _, name := range format.Names() {
		for _, report := range []string{"", "+junit"} {
			b.Run(name+report, func(b *testing.B) {
				b.SetBytes(int64(len(stream)))
				b.ReportAllocs()
				for range b.N {
					opts := Options{Format: name, Summary: testjson.SummarizeAll}
					if report != "" {
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
