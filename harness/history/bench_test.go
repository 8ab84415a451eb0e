package history

import (
	"bytes"
	"testing"

	"pgtest/jsonstream"
	"pgtest/jsonstream/genstream"
)

// BenchmarkMillion shows a million events as a run does, without a history and
// with one.
func BenchmarkMillion(b *testing.B) {
	var stream bytes.Buffer
	if err := genstream.Write(&stream, genstream.Million); err != nil {
		b.Fatal(err)
	}
	for _, kept := range []string{"off", "auto"} {
		b.Run(kept, func(b *testing.B) {
			b.SetBytes(int64(stream.Len()))
			for range b.N {
				opts := jsonstream.Options{}
				var r *Recorder
				if kept == "auto" {
					var err error
					if r, err = newStore(b).Begin(Header{}); err != nil {
						b.Fatal(err)
					}
					opts.History = r
				}
				s, err := jsonstream.New(opts)
				if err != nil {
					b.Fatal(err)
				}
				if err := s.ReadOutput(bytes.NewReader(stream.Bytes())); err != nil {
					b.Fatal(err)
				}
				if _, err := s.Finish(); err != nil {
					b.Fatal(err)
				}
				if r != nil {
					if lines := r.Finish(Passed, 0); lines != nil {
						b.Fatal(lines)
					}

				}
			}
		})
	}
}
