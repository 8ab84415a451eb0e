//go:build race

// Package race says whether the race detector is on, for tests that take long
// with it.
package race

const Enabled = true
