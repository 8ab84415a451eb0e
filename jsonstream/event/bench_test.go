package event

import (
	"encoding/json"
	"testing"

	"gotest.tools/gotestsum/testjson"
)

// BenchmarkDecode decodes one line, in place and with encoding/json.
func BenchmarkDecode(b *testing.B) {
	line := []byte(`{"Time":"2026-11-23T19:00:58.819542753Z","Action":"output","Package":"example.com/m/bench","Test":"TestBeside","Output":"    a_test.go:11: want \"a\", got <b> \u0026 more of it\n"}`)
	b.Run("fast", func(b *testing.B) {
		var d Decoder
		b.ReportAllocs()
		for range b.N {
			d.Decode(line)
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
