package gotest

import (
	"regexp"
	"slices"
	"strings"
)

// MatchesPackage reports whether an import path, or a directory with slashes,
// matches a pattern as the go command understands it: "..." stands for any text,
// and "/..." at the end also for none.
func MatchesPackage(pattern, name string) bool { return PackagePattern(pattern).MatchString(name) }

// Patterns are those of the packages that something is for: any that one of them
// matches, or without patterns all.
type Patterns []*regexp.Regexp

// Add adds patterns.
func (p *Patterns) Add(patterns ...string) {
	for _, pattern := range patterns {
		*p = append(*p, PackagePattern(pattern))
	}
}

// Match reports whether a package is one of them, by its import path.
func (p Patterns) Match(path string) bool {
	return len(p) == 0 || slices.ContainsFunc(p, func(e *regexp.Regexp) bool { return e.MatchString(path) })
}

// PackagePattern returns an expression for the names that a pattern matches.
func PackagePattern(pattern string) *regexp.Regexp {
	expr := regexp.QuoteMeta(strings.ToValidUTF8(pattern, "\uFFFD"))
	if rest, ok := strings.CutSuffix(expr, `/\.\.\.`); ok {
		expr = rest + `(/.*)?`
	}
	return regexp.MustCompile("(?s:^" + strings.ReplaceAll(expr, `\.\.\.`, `.*`) + "$)")
}
