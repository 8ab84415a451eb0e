package supervisor

import (
	"slices"
	"strings"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/pattern"
	"pgtest/harness/internal/testproc"
)

// profiles are the flags that make a test binary write a file, which a later
// round would replace.
var profiles = []string{"cpuprofile", "memprofile", "blockprofile", "mutexprofile", "trace"}

// maxPattern bounds a pattern in bytes, because Linux takes arguments of up to
// 128 KiB each, and a pattern of the user's has to go with it. Beyond it more
// tests run than have to.
const maxPattern = 64 << 10

// narrowed returns the arguments of a test binary for a selection of the tests
// that they select.
func narrowed(args []string, s control.Selection) []string {
	set := make(map[string]string)
	replaced := []string{"run", "skip", "bench", "shuffle"}
	if s.Again {
		replaced = append(replaced, profiles...)
	}
	rest := testproc.Filter(args, func(name, value string) bool {
		set[name] = value
		return !slices.Contains(replaced, name)
	})
	if s.All {
		if except := pattern.AnyOf(s.Except); len(except) <= maxPattern {
			set["skip"] = pattern.Alternatives(except, set["skip"])
		}
	} else {
		set["run"], set["bench"] = only(s.Only, set["run"])
	}
	if s.Shuffle != "" {
		set["shuffle"] = s.Shuffle
	}
	var flags []string
	for _, name := range []string{"run", "skip", "bench", "shuffle"} {
		if set[name] != "" {
			flags = append(flags, "-test."+name+"="+set[name])
		}
	}
	return append(flags, rest...)
}

// only returns the patterns that select these tests and benchmarks of what the
// pattern run selects.
func only(names []string, run string) (tests, benchmarks string) {
	var exact, narrower, bench []string
	for _, name := range names {
		if strings.HasPrefix(name, "Benchmark") {
			bench = append(bench, name)
			continue
		}
		if p, ok := pattern.Narrow(run, name); ok && p != pattern.Exact(name) {
			narrower = append(narrower, p)
		} else {
			exact = append(exact, name)
		}
	}
	tests = pattern.Alternatives(append(narrower, pattern.AnyOf(exact))...)
	switch {
	case tests == "":
		tests = "^$"
	case len(tests) > maxPattern:
		tests = run
	}
	return tests, pattern.AnyOf(bench)
}
