// Package plural counts things in sentences for users.
package plural

import "fmt"

// Count writes a number and what is counted: one if it is 1, otherwise many.
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
