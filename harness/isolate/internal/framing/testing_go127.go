//go:build go1.27

package framing

// Testing is what the package testing does that this program is built with.
const Testing Marks = true
