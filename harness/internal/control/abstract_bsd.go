//go:build darwin || freebsd

package control

// abstractName returns "": there are no sockets without a file here.
func abstractName(string) string { return "" }
