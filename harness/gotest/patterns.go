package gotest

import (
	"regexp"
	"strings"
)

// MatchesPackage reports whether an import path, or a directory with slashes,
// matches a pattern as the go command understands it: "..." stands for any text,
// and "/..." at the end also for none.
func MatchesPackage(pattern, name string) bool { return PackagePattern(pattern).MatchString(name) }

// PackagePattern returns an expression for the names that a pattern matches.
func PackagePattern(pattern string) *regexp.Regexp {
	expr := regexp.QuoteMeta(strings.ToValidUTF8(pattern, "\uFFFD"))
	if rest, ok := strings.CutSuffix(expr, `/\.\.\.`); ok {
		expr = rest + `(/.*)?`
	}
	return regexp.MustCompile("(?s:^" + strings.ReplaceAll(expr, `\.\.\.`, `.*`) + "$)")
}
