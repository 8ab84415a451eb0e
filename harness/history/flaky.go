package history

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"pgtest/jsonstream/result"
)

// A FlakyTest both passed and failed with the same source files.
type FlakyTest struct {
	Package, Name string
	// Failures and Runs count how often it failed and ran with source files with
	// which it did both. Trees is how many of these there are.
	Failures, Runs, Trees int
	// Since is when the first run began in which it failed so, and Line the first
	// line of its last failure.
	Since time.Time
	Line  string
}

// Flaky returns the tests that both passed and failed in runs, the newest first,
// that had the same tree, or in rounds of one run. What failed in quarantine counts
// as failed. Those that failed most often
// come first. Cached results count for nothing.
func Flaky(runs iter.Seq[*Run]) ([]FlakyTest, error) {
	type test struct{ pkg, name string }
	type counts struct {
		FlakyTest
		passed bool
	}
	trees := make(map[any]map[test]*counts) // by Tree, or by run where that is unknown
	var order []any                         // their keys, the newest first
	for run := range runs {
		var key any = run.Tree
		if run.Commit == "" {
			key = run
		}
		cached := make(map[string]bool)
		for _, p := range run.Packages {
			cached[p.Path] = p.Cached
		}
		if trees[key] == nil {
			order = append(order, key)
			trees[key] = make(map[test]*counts)
		}
		err := run.ReadTests(func(t Test) {
			if cached[t.Package] || !t.End.Failed() && t.End != result.Passed && t.End != result.Quarantined {
				return
			}
			id := test{t.Package, t.Name}
			c := trees[key][id]
			if c == nil {
				c = &counts{FlakyTest: FlakyTest{Package: t.Package, Name: t.Name, Trees: 1}}
				trees[key][id] = c
			}
			c.Runs++
			if t.End == result.Passed {
				c.passed = true
				return
			}
			c.Failures++
			c.Since, c.Line = run.Started, cmp.Or(c.Line, t.Line)
		})
		if err != nil {
			return nil, err
		}
	}
	sums := make(map[test]*FlakyTest)
	for _, key := range order {
		for id, c := range trees[key] {
			switch sum := sums[id]; {
			case !c.passed || c.Failures == 0:
			case sum == nil:
				sums[id] = &c.FlakyTest
			default:
				sum.Failures, sum.Runs, sum.Trees, sum.Since = sum.Failures+c.Failures, sum.Runs+c.Runs, sum.Trees+1, c.Since
			}
		}
	}
	var all []FlakyTest
	for id, sum := range sums {
		blames := func(other test) bool { return other.pkg == id.pkg && strings.HasPrefix(other.name, id.name+"/") }
		if !result.BlamesSubtest(sum.Line) || !hasKey(sums, blames) {
			all = append(all, *sum)
		}
	}
	slices.SortFunc(all, func(a, b FlakyTest) int {
		return cmp.Or(cmp.Compare(b.Failures, a.Failures), strings.Compare(a.Package, b.Package), strings.Compare(a.Name, b.Name))
	})
	return all, nil
}

func hasKey[K comparable, V any](m map[K]V, is func(K) bool) bool {
	for key := range m {
		if is(key) {
			return true
		}
	}
	return false
}
