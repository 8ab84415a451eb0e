package main

import (
	"slices"
	"strings"
	"sync"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/history"
	page "pgtest/jsonstream/report"
	"pgtest/jsonstream/sink"
)

// pageOptions say what is in the page of --report, nil if none is wanted.
func pageOptions(c *flags.CommandLine, files *files, places sink.Places) *page.Options {
	if files.report == nil {
		return nil
	}
	return &page.Options{Out: flagged{"--report", files.report}, Command: commandLine(c), Places: places, Trend: trendOf(c)}
}

// commandLine is what the page calls the run's command, "" without one.
func commandLine(c *flags.CommandLine) string {
	switch {
	case c.ReadsInput():
		return ""
	case c.RawCommand:
		return strings.Join(c.Command, " ")
	}
	return strings.Join(append([]string{"pgtest"}, c.Line.Words()...), " ")
}

// trendOf returns what finds earlier runs of a test in the history, which is read
// when the first test is asked for.
func trendOf(c *flags.CommandLine) func(importPath, test string) []page.Point {
	type key struct{ pkg, test string }
	load := sync.OnceValue(func() map[key][]page.Point {
		all := make(map[key][]page.Point)
		if c.History == "off" {
			return all
		}
		store, err := userHistory(c.Dir)
		if err != nil {
			return all // the page has no trends then
		}
		var runs []*history.Run
		for run := range store.Runs() {
			if run.Outcome != history.Running && !run.Imported {
				runs = append(runs, run)
			}
			if len(runs) == page.MaxTrend {
				break
			}
		}
		for _, run := range slices.Backward(runs) {
			run.ReadTests(func(t history.Test) {
				k := key{t.Package, t.Name}
				all[k] = addPoint(all[k], page.Point{Run: run.Started, End: t.End, Elapsed: t.Elapsed})
			})
		}
		return all
	})
	return func(importPath, test string) []page.Point { return load()[key{importPath, test}] }
}

// addPoint adds what became of a test. One that ran several times in a run failed
// if it failed once.
func addPoint(points []page.Point, p page.Point) []page.Point {
	last := len(points) - 1
	if last < 0 || !points[last].Run.Equal(p.Run) {
		return append(points, p)
	}
	if p.End.Failed() && !points[last].End.Failed() {
		points[last] = p
	}
	return points
}
