//go:build race

// Package race tells tests whether the race detector is on, with which they take
// long, and keeps its processes from sleeping.
package race

const Enabled = true
