// Package pattern narrows go test's -run patterns to one test. It knows the
// syntax that package testing gives them (elements split at '/', alternatives
// at '|', both outside brackets), and nothing else.
package pattern

import (
	"regexp"
	"slices"
	"strings"
)

// Exact returns a pattern that matches the test called name, given in full
// ("TestA/b#01"), its parents, and all of its subtests.
func Exact(name string) string {
	elems := strings.Split(name, "/")
	for i, e := range elems {
		elems[i] = "^" + regexp.QuoteMeta(e) + "$"
	}
	return strings.Join(elems, "/")
}

// Narrow returns a pattern that matches the test called name and those of its
// subtests that the pattern run matches. An empty run matches everything. The
// second result is false if run doesn't match the test, or isn't a valid
// pattern.
func Narrow(run, name string) (string, bool) {
	exact := Exact(name)
	if run == "" {
		return exact, true
	}
	elems := strings.Split(name, "/")
	var alternatives []string
	for _, alt := range split(run) {
		ok, err := matches(alt, elems)
		if err != nil {
			return "", false
		}
		if !ok {
			continue
		}
		if len(alt) <= len(elems) {
			return exact, true
		}
		alternatives = append(alternatives, exact+"/"+strings.Join(alt[len(elems):], "/"))
	}
	return strings.Join(alternatives, "|"), len(alternatives) > 0
}

// Matches reports whether the pattern run selects the test called name, or may
// select one of its subtests.
func Matches(run, name string) bool {
	_, ok := Narrow(run, name)
	return ok
}

// Skips reports whether the pattern skip (go test's -skip) leaves out the whole
// test called name. A pattern that reaches deeper than name leaves out subtests
// only.
func Skips(skip, name string) bool {
	if skip == "" {
		return false
	}
	elems := strings.Split(name, "/")
	for _, alt := range split(skip) {
		if ok, err := matches(alt, elems); ok && err == nil {
			// package testing looks at the first alternative that matches, and
			// at no other.
			return len(alt) <= len(elems)
		}
	}
	return false
}

// matches reports whether each element of the name is matched by the element of
// the pattern in its place.
func matches(alt, elems []string) (bool, error) {
	for i, e := range elems {
		if i >= len(alt) {
			break
		}
		if ok, err := regexp.MatchString(rewrite(alt[i]), e); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// Compiled is a pattern that is compiled once.
type Compiled [][]*regexp.Regexp

// Compile returns an error for a pattern that package testing would not take.
func Compile(pattern string) (Compiled, error) {
	var c Compiled
	for _, elems := range split(pattern) {
		var alternative []*regexp.Regexp
		for _, elem := range elems {
			expr, err := regexp.Compile(rewrite(elem))
			if err != nil {
				return nil, err
			}
			alternative = append(alternative, expr)
		}
		c = append(c, alternative)
	}
	return c, nil
}

// Covers reports whether the pattern selects the test called name, and all of its
// subtests. Of a test of which it selects some subtests it is false.
func (c Compiled) Covers(name string) bool {
	elems := strings.Split(name, "/")
	return slices.ContainsFunc(c, func(alternative []*regexp.Regexp) bool {
		for i, expr := range alternative {
			if i >= len(elems) || !expr.MatchString(elems[i]) {
				return false
			}
		}
		return true
	})
}

// Touches reports whether the pattern selects the test called name, or may select
// one of its subtests.
func (c Compiled) Touches(name string) bool {
	elems := strings.Split(name, "/")
	return slices.ContainsFunc(c, func(alternative []*regexp.Regexp) bool {
		for i, expr := range alternative[:min(len(alternative), len(elems))] {
			if !expr.MatchString(elems[i]) {
				return false
			}
		}
		return true
	})
}

// split cuts a pattern into alternatives, and each of them into elements, as
// package testing does: at '|' and '/' outside brackets that are not escaped.
func split(pattern string) [][]string {
	var alternatives [][]string
	var elems []string
	var square, round int
	start := 0
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\':
			i++
		case c == '[':
			square++
		case c == ']':
			square = max(square-1, 0)
		case square > 0:
		case c == '(':
			round++
		case c == ')':
			round--
		case round != 0:
		case c == '/' || c == '|':
			elems = append(elems, pattern[start:i])
			start = i + 1
			if c == '|' {
				alternatives = append(alternatives, elems)
				elems = nil
			}
		}
	}
	return append(alternatives, append(elems, pattern[start:]))
}

// rewrite replaces white space as package testing does in names, and so in
// patterns.
func rewrite(elem string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("\t\n\v\f\r \u0085\u00a0", r) {
			return '_'
		}
		return r
	}, elem)
}
