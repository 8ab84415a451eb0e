//go:build darwin || freebsd

package control

// abstractName returns "": every socket has a file on these systems.
func abstractName(string) string { return "" }
