package sink

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"pgtest/harness/harnesstest/race"
)

// TestScreenPieces writes pieces of lines of every length. The screen writes
// whole lines as long as no line is longer than it may keep, in few writes, and
// all of it.
func TestScreenPieces(t *testing.T) {
	for seed := range uint64(12) {
		if race.Enabled && seed%4 > 0 {
			continue // one that ends many lines, some, and few
		}
		rnd := rand.New(rand.NewPCG(seed, 1))
		var want, got bytes.Buffer
		var sizes []int
		s := NewScreen(writerFunc(func(p []byte) (int, error) {
			sizes = append(sizes, len(p))
			if p[len(p)-1] != '\n' && len(p) < ScreenMax {
				t.Errorf("seed %d: %d bytes that end no line", seed, len(p))
			}
			return got.Write(p)
		}))
		for want.Len() < 2<<20 {
			piece := bytes.Repeat([]byte{'x'}, rnd.IntN(2000))
			for range rnd.IntN(3) {
				if len(piece) > 0 && rnd.IntN(1<<seed) == 0 {
					piece[rnd.IntN(len(piece))] = '\n'
				}
			}
			want.Write(piece)
			s.Write(piece)
			if end := bytes.LastIndexByte(s.buf, '\n') + 1; end != s.whole {
				t.Fatalf("seed %d: %d bytes are whole lines, not %d", seed, end, s.whole)
			}
		}
		if limit := 2 * want.Len() / screenSize; len(sizes) > limit {
			t.Errorf("seed %d: %d writes", seed, len(sizes))
		}
		s.Write([]byte{'\n'})
		want.WriteByte('\n')
		s.Flush()
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("seed %d: %d bytes were written, not the %d", seed, got.Len(), want.Len())
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
