// Package junit writes test results as JUnit XML that validates against the
// schema of Jenkins' JUnit reader, whatever bytes the tests printed. It knows
// suites and cases, not go's events.
package junit

import (
	"fmt"
	"io"
	"path"

	"gotest.tools/gotestsum/testjson"
)

// Options say where a report goes and what is in it.
type Options struct {
	// Out gets the whole report, at the end of the run, in several writes.
	Out io.Writer
	// ProjectName is the name of the testsuites element, which has none if it
	// is empty.
	ProjectName string
	// SuiteName and ClassName make the name of a testsuite and the class name
	// of its testcases from a package's import path. nil leaves it as it is.
	SuiteName, ClassName func(importPath string) string
	// HideEmptyPackages leaves out packages without tests that did not fail.
	HideEmptyPackages bool
	// HideSkippedTests leaves out skipped tests and does not count them.
	HideSkippedTests bool
}

// NameFormats returns the names that NameFormat takes.
func NameFormats() []string { return []string{"full", "relative", "short"} }

// NameFormat returns the function for the name of a package: full is the
// import path, relative is without the path of the main module (found once,
// from the directory in which the process started), short the last element.
func NameFormat(name string) (func(string) string, error) {
	switch name {
	case "full", "":
		return func(p string) string { return p }, nil
	case "relative":
		return testjson.RelativePackagePath, nil
	case "short":
		return path.Base, nil
	}
	return nil, fmt.Errorf("invalid value %q: must be one of full, relative, short", name)
}

// Property is a name with a value, for a whole suite.
type Property struct {
	Name, Value string
}
