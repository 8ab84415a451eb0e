package benchfail

import "testing"

func BenchmarkFails(b *testing.B) { b.Fatal("broken") }

func BenchmarkSkips(b *testing.B) { b.Skip("not today") }

func BenchmarkPasses(b *testing.B) {
	for range b.N {
	}
}
