package supervisor

import (
	"slices"

	"pgtest/harness/gotest"
)

// fullyVerbose returns the arguments of a test binary with each -test.v that
// go test did not write made -test.v=test2json, which it did: a -test.v behind
// -args would win over it, and go test could not tell what the tests print from
// what package testing says of them. Other arguments stay as they are.
//
// The binary reads flags up to the first word that is neither a flag nor a
// flag's value. Flags of its own may or may not take a value, so one word is
// let pass behind each.
func fullyVerbose(args []string) []string {
	args = slices.Clone(args)
	if !slices.ContainsFunc(args, isTestJSON) {
		return args // not from go test -json
	}
	value := false // the word may be a flag's value
	for i, word := range args {
		f := gotest.CutFlag(word)
		switch {
		case word == "--":
			return args
		case f.Dashes == 0 || word == "-":
			if !value {
				return args
			}
			value = false
		case f.Name == "test.v":
			if f.IsVerbosity() {
				args[i] = testJSON
			}
			value = false
		default:
			value = !f.HasValue
		}
	}
	return args
}

const testJSON = "-test.v=test2json"

func isTestJSON(word string) bool { return word == testJSON }
