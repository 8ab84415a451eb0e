// Package flags has tests of every kind.
package flags

// F returns the sign of n.
func F(n int) int {
	if n > 0 {
		return 1
	}
	if n < 0 {
		return -1
	}
	return 0
}
