//go:build !linux

package main

// refuseSubreaper does nothing: there is nothing to refuse.
func refuseSubreaper() {}
