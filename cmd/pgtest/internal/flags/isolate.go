package flags

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// parseIsolate reads the value of --isolate: "package", "test", or "test:" and
// patterns of the packages whose tests get processes of their own, with commas
// between them. It returns the patterns, relative ones as absolute paths.
func parseIsolate(value string) ([]string, error) {
	switch value {
	case "package":
		return nil, nil
	case "test":
		return []string{"..."}, nil
	}
	list, ok := strings.CutPrefix(value, "test:")
	if !ok {
		return nil, fmt.Errorf("unknown value %q: must be package, test, or test: and packages", value)
	}
	var patterns []string
	for pattern := range strings.SplitSeq(list, ",") {
		switch {
		case pattern == "":
			return nil, fmt.Errorf("bad value %q: a package is missing", value)
		case pattern == "." || pattern == ".." || strings.HasPrefix(pattern, "./") || strings.HasPrefix(pattern, "../"):
			wd, err := os.Getwd()
			if err != nil {
				return nil, err
			}
			pattern = filepath.Join(wd, pattern)
		}
		patterns = append(patterns, pattern)
	}
	return patterns, nil
}
