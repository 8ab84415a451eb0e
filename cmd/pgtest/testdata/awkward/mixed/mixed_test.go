// Package mixed has subtests in parallel, benchmarks, examples and fuzz tests.
package mixed

import (
	"fmt"
	"testing"
)

func TestParallel(t *testing.T) {
	for _, name := range []string{"a", "b", "c"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fmt.Print("partial ", name)
			t.Log("log of", name)
			fmt.Print("more of ", name)
			if name == "b" {
				t.Error("b fails")
			}
		})
	}
}

func TestLog(t *testing.T) { t.Log("one\ntwo\n") }

func BenchmarkA(b *testing.B) {
	for b.Loop() {
	}
}

func BenchmarkLonger(b *testing.B) {
	b.Run("sub", func(b *testing.B) {
		for b.Loop() {
		}
	})
	b.Run("other", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
		}
	})
}

func Example() {
	fmt.Print("printed")
	// Output: printed
}

func Example_fails() {
	fmt.Println("printed")
	// Output: something else
}

func FuzzSeeds(f *testing.F) {
	f.Add(1)
	f.Add(2)
	f.Fuzz(func(t *testing.T, n int) {
		fmt.Print("seed ", n)
		if n == 2 {
			t.Error("two fails")
		}
	})
}

func BenchmarkLogs(b *testing.B) {
	b.Log("one\ntwo")
	for i := range 8 {
		b.Log(i)
	}
}

func BenchmarkSkips(b *testing.B) { b.Skip("not now") }

func BenchmarkFails(b *testing.B) { b.Error("this fails") }
