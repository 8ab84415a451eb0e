// Package panics ends in a panic of a subtest.
package panics

import (
	"fmt"
	"testing"
)

func TestBefore(t *testing.T) { fmt.Print("before") }

func TestPanics(t *testing.T) {
	t.Run("sub", func(t *testing.T) {
		t.Log("soon")
		fmt.Print("partial")
		panic("on purpose")
	})
}

func TestAfter(t *testing.T) {}
