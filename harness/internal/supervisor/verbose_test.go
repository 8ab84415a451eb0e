package supervisor

import (
	"slices"
	"strings"
	"testing"
)

func TestFullyVerbose(t *testing.T) {
	const from = "-test.paniconexit0 -test.v=test2json -test.timeout=10m0s "
	for words, want := range map[string]string{
		"-test.v":                     "-test.v=test2json",
		"--test.v":                    "-test.v=test2json",
		"-test.v=true":                "-test.v=test2json",
		"-test.v=1 x":                 "-test.v=test2json x",
		"--test.v=F -test.run=X":      "-test.v=test2json -test.run=X",
		"-test.v -test.v=false":       "-test.v=test2json -test.v=test2json",
		"-test.v=test2json":           "-test.v=test2json",
		"-test.v=odd":                 "-test.v=odd",
		"-test.run X -test.v":         "-test.run X -test.v=test2json",
		"-test.run -test.v -test.v":   "-test.run -test.v -test.v=test2json",
		"-test.short X -test.v":       "-test.short X -test.v",
		"-own value -test.v":          "-own value -test.v=test2json",
		"-own -test.v":                "-own -test.v=test2json",
		"-own=value -test.v a":        "-own=value -test.v=test2json a",
		"-own=value a -test.v":        "-own=value a -test.v",
		"x -test.v":                   "x -test.v",
		"- -test.v":                   "- -test.v",
		"-- -test.v":                  "-- -test.v",
		"-own a b -test.v":            "-own a b -test.v",
		"-test.vx -test.v.x=1 -v --v": "-test.vx -test.v.x=1 -v --v",
	} {
		args := strings.Fields(from + words)
		before := slices.Clone(args)
		if got := strings.Join(fullyVerbose(args), " "); got != from+want {
			t.Errorf("%s: %s", words, strings.TrimPrefix(got, from))
		}
		if !slices.Equal(args, before) {
			t.Errorf("%s: the arguments themselves were changed", words)
		}
	}
	if got := fullyVerbose([]string{"-test.v=true"}); got[0] != "-test.v=true" {
		t.Errorf("without go test -json: %q", got)
	}
}
