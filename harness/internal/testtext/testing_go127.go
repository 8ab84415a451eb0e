//go:build go1.27

package testtext

// Testing is what the package testing does that this program is built with.
const Testing Marks = true
