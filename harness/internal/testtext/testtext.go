// Package testtext parses and writes what a test binary prints with
// -test.v=test2json: lines of package testing, which begin with a marker,
// between the output of tests.
package testtext

import "bytes"

// Marker begins the lines that package testing prints about tests.
const Marker = "\x16"

// UnitEnd returns the length of the first unit in b: a line with its end, or
// what stands before a marker, because a marker also ends a line that the test
// left unfinished. It is 0 if b holds no whole unit.
func UnitEnd(b []byte) int {
	newline := bytes.IndexByte(b, '\n') + 1
	if newline > 0 {
		b = b[:newline]
	}
	if len(b) > 1 {
		if i := bytes.IndexByte(b[1:], Marker[0]); i >= 0 {
			return i + 1
		}
	}
	return newline
}
