package fuzzfail

import "testing"

func FuzzBad(f *testing.F) {
	f.Add([]byte("seed"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 0 && b[0] == '0' {
			t.Fatalf("found %q", b)
		}
	})
}
