// Package junit writes test results as JUnit XML, whatever bytes the tests
// printed: for what the readers of such files take, or by the schema of Jenkins'
// xUnit plugin. It knows suites and cases, not go's events.
package junit

import (
	"cmp"
	"fmt"
	"io"
	"path"

	"gotest.tools/gotestsum/testjson"

	"pgtest/jsonstream/sink"
)

// Options say where a report goes and what is in it.
type Options struct {
	// Out gets the whole report, at the end of the run, in several writes.
	Out io.Writer
	// Schema says how test cases are written.
	Schema Schema
	// Output says of which tests the report has what they printed.
	Output Output
	// MaxOutput is how many bytes of it a test may have, of which the middle is
	// left out; negative is no limit. 0 is DefaultMaxOutput, with Strict no limit.
	MaxOutput int64
	// Places finds where tests stand, for Extended. nil finds nothing.
	Places sink.Places
	// ProjectName is the name of the testsuites element, which has none if it
	// is empty.
	ProjectName string
	// SuiteName and ClassName make the name of a testsuite and the class name
	// of its testcases from a package's import path. nil leaves it as it is.
	SuiteName, ClassName func(importPath string) string
	// Properties are added to those of each suite, and Interrupted to these unless
	// the run comes to its end. A report without a suite gets one for them.
	Properties  []Property
	Interrupted Property
	// HideEmptyPackages leaves out packages without tests that did not fail.
	HideEmptyPackages bool
	// HideSkippedTests leaves out skipped tests and does not count them.
	HideSkippedTests bool
}

// A Schema is how test cases are written.
type Schema uint8

const (
	Extended Schema = iota // with all that one of the readers takes
	Strict                 // by junit-10.xsd, which Jenkins' xUnit plugin demands
)

// Output says of which tests a report has what they printed.
type Output uint8

const (
	OutputOfFailed Output = iota
	OutputOfAll
	NoOutput
)

// DefaultMaxOutput is the limit for the output of a test.
const DefaultMaxOutput = 1 << 20

// Unless MaxOutput is negative, all tests that failed share room for their output,
// and those that passed have other room: GitLab takes no file of 30 MB.
const (
	roomForFailed = 12 << 20
	roomForPassed = 4 << 20
)

// limit is how much output a test may have, negative for no limit.
func (o Options) limit() int64 {
	if o.Schema == Strict && o.Output == OutputOfFailed {
		return cmp.Or(o.MaxOutput, -1)
	}
	return cmp.Or(o.MaxOutput, DefaultMaxOutput)
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

// Property is a name with a value, for a suite or a case.
type Property struct {
	Name, Value string
}
