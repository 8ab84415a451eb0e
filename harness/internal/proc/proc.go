//go:build unix

// Package proc starts processes in groups of their own, waits for them, finds
// what they leave behind, ends that, and reads what they print. It knows nothing
// of tests and runs.
package proc
