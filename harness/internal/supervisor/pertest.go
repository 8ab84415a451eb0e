package supervisor

import (
	"os"
	"path/filepath"

	"pgtest/harness/gotest"
	"pgtest/harness/override"
)

// isPerTest reports whether the tests of a package run in a process each.
func (o Options) isPerTest(pkg func() string, own override.Settings) bool {
	switch {
	case o.Divided:
		return true
	case own.Isolate.Set():
		return bool(own.Isolate.Is) && !o.Terminal
	case len(o.PerTest) == 0:
		return false
	}
	dir, _ := os.Getwd() // go test starts a test binary in the package's directory
	for _, pattern := range o.PerTest {
		if pattern == "..." {
			return true
		}
		if matchesPackage(pattern, pkg(), dir) {
			return true
		}
	}
	return false
}

// matchesPackage says whether a package, by its import path and its directory,
// matches a pattern: of import paths, or of absolute paths of directories.
func matchesPackage(pattern, path, dir string) bool {
	if filepath.IsAbs(pattern) {
		return gotest.MatchesPackage(pattern, dir)
	}
	return gotest.MatchesPackage(pattern, path)
}
