package supervisor

import (
	"slices"

	"pgtest/harness/gotest"
	"pgtest/harness/internal/testproc"
)

// fullyVerbose returns the arguments of a test binary with each -test.v that
// go test did not write made -test.v=test2json, which it did: a -test.v behind
// -args would win over it, and go test could not tell what the tests print from
// what package testing says of them. Other arguments stay as they are.
func fullyVerbose(args []string) []string {
	const testJSON = "-test.v=test2json"
	if !slices.Contains(args, testJSON) {
		return args // not from go test -json
	}
	return testproc.Edit(args, func(f gotest.Flag, words []string) []string {
		if f.Name == "test.v" && f.IsVerbosity() {
			return []string{testJSON}
		}
		return words
	})
}
