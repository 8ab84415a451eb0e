package result

import "bytes"

// Framing says whether a line of a test's output frames what the test printed,
// as testjson sees it: such lines are left out of summaries.
func Framing(line []byte, test string) bool {
	for _, prefix := range []string{"=== RUN   Test", "=== PAUSE Test", "=== CONT  Test"} {
		if HasPrefix(line, prefix) {
			return true
		}
	}
	return IsReport(line, test)
}

// IsReport says whether a line is package testing's report of a test that has
// ended, or is made to look like it.
func IsReport(line []byte, test string) bool {
	for _, verdict := range []string{"--- PASS: ", "--- FAIL: ", "--- SKIP: "} {
		n := len(verdict) + len(test)
		if len(line) > n && HasPrefix(line, verdict) && string(line[len(verdict):n]) == test && line[n] == ' ' {
			return true
		}
	}
	return false
}

// LooksFramed says whether a line looks like one of package testing, whatever
// the test.
func LooksFramed(line []byte) bool {
	line = bytes.TrimLeft(line, " ")
	for _, prefix := range []string{"=== RUN ", "=== PAUSE ", "=== CONT ", "=== NAME ", "--- PASS: ", "--- FAIL: ", "--- SKIP: "} {
		if HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// HasPrefix is bytes.HasPrefix for a string.
func HasPrefix(line []byte, prefix string) bool {
	return len(line) >= len(prefix) && string(line[:len(prefix)]) == prefix
}
