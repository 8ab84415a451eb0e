package rerun

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"pgtest/jsonstream/result"
)

// Report writes how often each test that failed in any of the rounds ran and
// failed, a line each, in gotestsum's form.
func Report(w io.Writer, rounds [][]result.PackageReport) error {
	failures, passes := make(map[string]int), make(map[string]int)
	for _, round := range rounds {
		for _, p := range round {
			for _, t := range p.Failed {
				failures[p.Path+"."+t.Name]++
			}
			for name, n := range p.Passes {
				passes[p.Path+"."+name] += n
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(failures)) {
		failed := failures[name]
		if _, err := fmt.Fprintf(w, "%s: %d runs, %d failures\n", name, passes[name]+failed, failed); err != nil {
			return err
		}
	}
	return nil
}
