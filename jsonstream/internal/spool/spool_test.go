package spool

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"pgtest/jsonstream/event"
)

// TestSpool fills many buffers far beyond memory and reads them back.
func TestSpool(t *testing.T) {
	for _, dir := range []string{t.TempDir(), "/does/not/exist"} {
		s := New(dir)
		random := rand.New(rand.NewPCG(1, 2))
		buffers := make([]Buffer, 200)
		want := make([]bytes.Buffer, len(buffers))
		line := bytes.Repeat([]byte("0123456789abcdef"), 1<<10)
		for total := 0; total < 3*Limit; {
			i := random.IntN(len(buffers))
			if random.IntN(3) == 0 {
				i = 0 // one prints most
			}
			n := random.IntN(len(line))
			if i%2 == 1 {
				n = random.IntN(100)
			}
			if got := s.Add(&buffers[i], event.Text{Raw: line[:n]}); !bytes.Equal(got, line[:n]) {
				t.Fatal("add returns another record")
			}
			fmt.Fprintf(&want[i], "%d:%s", n, line[:n])
			total += n
			if s.used > Limit+BufferLimit*3 && !s.broken {
				t.Fatalf("%d bytes in memory", s.used)
			}
			if random.IntN(2000) == 0 {
				s.Release(&buffers[i])
				want[i].Reset()
			}
		}
		for i := range buffers {
			var got bytes.Buffer
			for r := range s.All(&buffers[i]) {
				fmt.Fprintf(&got, "%d:%s", len(r), r)
			}
			if err := s.Err(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want[i].Bytes()) {
				t.Fatalf("buffer %d has %d bytes, want %d", i, got.Len(), want[i].Len())
			}
		}
		for i := range buffers {
			s.Release(&buffers[i])
		}
		if s.used != 0 || len(s.live) != 0 {
			t.Errorf("%d bytes of %d buffers are in use after their release", s.used, len(s.live))
		}
		s.Close()
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s is left", left[0].Name())
		}
	}
}
