package pattern

import (
	"slices"
	"strings"
)

// AnyOf returns a pattern that matches the tests with these names, given in
// full, with their parents and subtests. Tests with the same parent share an
// alternative. For no names it is empty.
func AnyOf(names []string) string {
	below := make(map[string][]string) // by parent
	for _, name := range names {
		i := strings.LastIndexByte(name, '/')
		parent := name[:max(i, 0)]
		below[parent] = append(below[parent], name[i+1:])
	}
	var alternatives []string
	for parent, children := range below {
		slices.Sort(children)
		p := "(?s:^(?:" + oneOf(slices.Compact(children)) + ")$)"
		if parent != "" {
			p = Exact(parent) + "/" + p
		}
		alternatives = append(alternatives, p)
	}
	slices.Sort(alternatives)
	return Alternatives(alternatives...)
}

// Alternatives joins patterns; the empty ones match nothing.
func Alternatives(patterns ...string) string {
	return strings.Join(slices.DeleteFunc(patterns, func(p string) bool { return p == "" }), "|")
}
