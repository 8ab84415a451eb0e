package gotest

import (
	"regexp"
	"strings"
)

// MatchesPackage reports whether an import path, or a directory with slashes,
// matches a pattern as the go command understands it: "..." stands for any text,
// and "/..." at the end also for none.
func MatchesPackage(pattern, name string) bool {
	expr := regexp.QuoteMeta(pattern)
	if rest, ok := strings.CutSuffix(expr, `/\.\.\.`); ok {
		expr = rest + `(/.*)?`
	}
	expr = strings.ReplaceAll(expr, `\.\.\.`, `.*`)
	ok, err := regexp.MatchString("^"+expr+"$", name)
	return ok && err == nil
}
