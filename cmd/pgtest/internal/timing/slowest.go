package timing

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"gotest.tools/gotestsum/testjson"
)

const slowestHelp = `Print the tests of an event file that took longest, the slowest first. Of a test
that ran several times it is the median. The file may come from --jsonfile,
--jsonfile-timing-events or go test -json.

With --skip-stmt nothing is printed: the Go statement becomes the first of these
tests, in the source below the working directory. testing.Short stands for

    if testing.Short() {
        t.Skip("too slow for testing.Short")
    }

Imports are not added. GOFLAGS may set tags:

    go test -json -short ./... | NAME --skip-stmt=testing.Short --threshold=200ms
`

func slowest(name string, args []string, s Streams) error {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	path := set.String("jsonfile", cmp.Or(os.Getenv("PGTEST_JSONFILE"), os.Getenv("GOTESTSUM_JSONFILE")),
		"`path` of the event file; standard input by default")
	threshold := set.Duration("threshold", 100*time.Millisecond, "`duration` from which a test is slow; 100ms by default")
	count := set.Int("num", 0, "print at most `n` tests, whatever the threshold")
	skip := set.String("skip-stmt", "", "Go `statement` to add to slow tests")
	debug := set.Bool("debug", false, "say on standard error which files are looked at")
	if ok, err := ParseFlags(set, args, slowestHelp, s.Out); !ok {
		return err
	}
	in := s.In
	if *path == "" || *path == "-" {
		*path = "standard input"
	} else {
		f, err := open(*path)
		if err != nil {
			return fmt.Errorf("--jsonfile %w", err)
		}
		defer f.Close()
		in = f
	}
	execution, err := scan(*path, in)
	if err != nil {
		return err
	}
	tests := slow(execution, *threshold, *count)
	if *skip != "" {
		return addSkips(tests, *skip, debugTo(*debug, s.Err))
	}
	for _, t := range tests {
		if _, err := fmt.Fprintf(s.Out, "%s %s %v\n", t.Package, t.Test, t.Elapsed); err != nil {
			return err
		}
	}
	return nil
}

// slow returns the count slowest tests, or those that took threshold or longer.
// Equal ones are in the order of packages and of their first ends.
func slow(execution *testjson.Execution, threshold time.Duration, count int) []testjson.TestCase {
	if threshold == 0 && count == 0 {
		return nil
	}
	var tests []testjson.TestCase
	for _, pkg := range execution.Packages() {
		times := make(map[testjson.TestName][]time.Duration)
		first := len(tests)
		for _, t := range execution.Package(pkg).TestCases() {
			if times[t.Test] == nil {
				tests = append(tests, t)
			}
			times[t.Test] = append(times[t.Test], t.Elapsed)
		}
		for i := range tests[first:] {
			t := &tests[first+i]
			all := times[t.Test]
			slices.Sort(all)
			t.Elapsed = all[len(all)/2]
		}
	}
	slices.SortStableFunc(tests, func(a, b testjson.TestCase) int { return cmp.Compare(b.Elapsed, a.Elapsed) })
	if count > 0 {
		return tests[:min(count, len(tests))]
	}
	return slices.DeleteFunc(tests, func(t testjson.TestCase) bool { return t.Elapsed < threshold })
}
