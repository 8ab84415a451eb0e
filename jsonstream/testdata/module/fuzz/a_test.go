package fuzz

import "testing"

func FuzzFine(f *testing.F) {
	f.Add("seed")
	f.Add("other")
	f.Fuzz(func(t *testing.T, s string) {})
}
