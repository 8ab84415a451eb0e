package supervisor

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// isPerTest reports whether the tests of the package that a binary tests run in
// a process each.
func (o Options) isPerTest(binary string) bool {
	if len(o.PerTest) == 0 {
		return false
	}
	path := ""
	dir, _ := os.Getwd() // go test starts a test binary in the package's directory
	for _, pattern := range o.PerTest {
		if pattern == "..." {
			return true
		}
		if path == "" {
			path = importPath(binary)
		}
		if matchesPackage(pattern, path, dir) {
			return true
		}
	}
	return false
}

// matchesPackage says whether a package, by its import path and its directory,
// matches a pattern as the go command understands it: an import path, or the
// absolute path of a directory, where "..." stands for any text, and "/..." at
// the end also for none.
func matchesPackage(pattern, path, dir string) bool {
	name := path
	if filepath.IsAbs(pattern) {
		name = dir
	}
	expr := regexp.QuoteMeta(pattern)
	if rest, ok := strings.CutSuffix(expr, `/\.\.\.`); ok {
		expr = rest + `(/.*)?`
	}
	expr = strings.ReplaceAll(expr, `\.\.\.`, `.*`)
	ok, err := regexp.MatchString("^"+expr+"$", name)
	return ok && err == nil
}
