package panics

import (
	"fmt"
	"testing"
)

func TestBefore(t *testing.T) { t.Log("before") }

func TestPanic(t *testing.T) {
	t.Run("sub", func(t *testing.T) {
		fmt.Println("output first")
		var m map[string]int
		m["x"] = 1
	})
}

func TestNever(t *testing.T) {}
