package harness

import (
	"slices"
	"strings"

	"pgtest/harness/internal/control"
)

// A Part is what runs of a package's tests: those in Only with their subtests,
// or if there are none, all but those in Except. Names are as in events. Flags
// such as -run select among them. The zero Part is the whole package.
type Part struct {
	Only, Except []string
}

func (p Part) whole() bool { return len(p.Only) == 0 && len(p.Except) == 0 }

// has reports whether a top-level test, or a subtest of it, is in the part.
func (p Part) has(test string) bool {
	if len(p.Only) == 0 {
		return !slices.Contains(p.Except, test)
	}
	return slices.ContainsFunc(p.Only, func(name string) bool {
		return name == test || strings.HasPrefix(name, test+"/")
	})
}

// of keeps what runs again of a package within its part.
func (p Part) of(s control.Selection) control.Selection {
	switch {
	case !s.All || p.whole():
	case len(p.Only) == 0:
		s.Except = slices.Concat(p.Except, s.Except)
	default:
		done := s.Except
		s.All, s.Except = false, nil
		s.Only = slices.DeleteFunc(slices.Clone(p.Only), func(name string) bool { return slices.Contains(done, name) })
	}
	return s
}

func selectionsOf(parts map[string]Part) map[string]control.Selection {
	selections := make(map[string]control.Selection)
	for path, p := range parts {
		selections[path] = p.of(control.Selection{All: true})
	}
	return selections
}
