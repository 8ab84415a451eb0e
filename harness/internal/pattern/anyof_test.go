package pattern

import (
	"slices"
	"testing"
)

// TestAnyOf asks for each subset of some names, and looks which of all names the
// pattern selects, as -run and as -skip.
func TestAnyOf(t *testing.T) {
	names := []string{"TestA", "TestA/x", "TestA/x/y", "TestA/[x](y)|z$", "TestA/^", "TestA/", "TestA//a", "TestAB", "TestÄ", "TestB/a_b", "TestB/#00", `TestB/\x00`}
	under := func(name, other string) bool {
		return other == name || len(other) > len(name) && other[:len(name)+1] == name+"/"
	}
	for n := range 300 {
		set := n * 2654435761 >> 7 & (1<<len(names) - 1)
		var chosen []string
		for i, name := range names {
			if set&(1<<i) != 0 {
				chosen = append(chosen, name)
			}
		}
		p := AnyOf(chosen)
		if len(chosen) == 0 {
			if p != "" {
				t.Errorf("nothing: %q", p)
			}
			continue
		}
		for _, name := range append(names, "TestC", "TestA/y", "TestB") {
			runs := slices.ContainsFunc(chosen, func(c string) bool { return under(c, name) || under(name, c) })
			if Matches(p, name) != runs {
				t.Fatalf("%q: -run=%s: %s is selected: %t", chosen, p, name, !runs)
			}
			// package testing asks about parents first
			skips := slices.ContainsFunc(chosen, func(c string) bool { return c == name })
			if skips && !Skips(p, name) && !slices.ContainsFunc(chosen, func(c string) bool { return c != name && under(c, name) || under(name, c) && c != name }) {
				t.Fatalf("%q: -skip=%s does not leave out %s", chosen, p, name)
			}
			if Skips(p, name) && !slices.ContainsFunc(chosen, func(c string) bool { return under(c, name) }) {
				t.Fatalf("%q: -skip=%s leaves out %s", chosen, p, name)
			}
		}
	}
}
