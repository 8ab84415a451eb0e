package bench

import "testing"

func BenchmarkPlain(b *testing.B) {
	for range b.N {
	}
}

func BenchmarkLogs(b *testing.B) {
	b.Log("logged")
	b.Run("sub", func(b *testing.B) {
		for range b.N {
		}
	})
}

func TestBeside(t *testing.T) {}
