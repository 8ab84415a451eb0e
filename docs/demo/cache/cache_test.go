// Package cache is a package whose test panics.
package cache

import "testing"

func TestWriteToANilMap(t *testing.T) {
	var entries map[string]int
	entries["one"] = 1
}
