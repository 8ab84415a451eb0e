package history

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"gotest.tools/gotestsum/testjson"

	"pgtest/jsonstream"
	"pgtest/jsonstream/genstream"
)

// BenchmarkMillion shows a million events as a run does, without a history and
// with one: with 6 lines of each test, and with a hundred.
func BenchmarkMillion(b *testing.B) {
	for name, o := range map[string]genstream.Options{
		"short": genstream.Million, "long": {Packages: 100, Tests: 96, Lines: 100, Running: 4},
	} {
		b.Run(name, func(b *testing.B) { benchmark(b, o) })
	}
}

func benchmark(b *testing.B, o genstream.Options) {
	var stream bytes.Buffer
	if err := genstream.Write(&stream, o); err != nil {
		b.Fatal(err)
	}
	for _, kept := range []string{"off", "auto"} {
		b.Run(kept, func(b *testing.B) {
			b.SetBytes(int64(stream.Len()))
			before := cpu()
			defer func() { b.ReportMetric((cpu()-before).Seconds()/float64(b.N), "cpu-s/op") }()
			for range b.N {
				opts := jsonstream.Options{Summary: testjson.SummarizeAll}
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

// cpu is the time of all threads.
func cpu() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
