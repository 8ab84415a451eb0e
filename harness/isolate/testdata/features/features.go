// Package features holds tests of how isolated tests work together with go test's flags and with TestMain.
package features

// Sign has one statement for each test to cover.
func Sign(n int) string {
	switch {
	case n > 0:
		return "+"
	case n < 0:
		return "-"
	}
	return "0"
}
