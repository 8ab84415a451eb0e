//go:build unix

package debugger

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"pgtest/harness/gotest"
	"pgtest/harness/gotest/sources"
)

// choose returns the line with the one package that has the tests. A line that
// names one package stays as it is.
func (c Config) choose() (gotest.Line, error) {
	all, err := sources.List(context.Background(), sources.Query{Go: "go", Env: c.Env, Words: c.Line.ListWords(), Stderr: os.Stderr})
	if err != nil {
		return c.Line, err
	}
	var with []string
	for _, p := range all {
		if c.areIn(p) {
			with = append(with, p.ImportPath)
		}
	}
	tests := strings.Join(c.Tests, ", ")
	switch {
	case len(with) == 1 && len(all) == 1:
		return c.Line, nil
	case len(with) == 1:
		return c.Line.WithPackages(with[0]), nil
	case len(with) > 1 && tests == "":
		return c.Line, fmt.Errorf("choose one package: %s", strings.Join(with, ", "))
	case len(with) > 1:
		return c.Line, fmt.Errorf("choose one package that has %s: %s", tests, strings.Join(with, ", "))
	case tests == "" || len(all) == 0:
		return c.Line, fmt.Errorf("no package has tests")
	case len(all) == 1:
		return c.Line, fmt.Errorf("%s has no %s", all[0].ImportPath, tests)
	}
	return c.Line, fmt.Errorf("no package has %s", tests)
}

// areIn reports whether a package has all the tests, or may have them.
func (c Config) areIn(p sources.Package) bool {
	names, whole := p.Names(sources.Test, sources.Benchmark, sources.Fuzz, sources.Example)
	return !whole || len(names) > 0 && !slices.ContainsFunc(c.Tests, func(test string) bool {
		root, _, _ := strings.Cut(test, "/")
		return !slices.Contains(names, root)
	})
}
