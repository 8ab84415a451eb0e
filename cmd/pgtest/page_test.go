package main

import (
	"reflect"
	"testing"
	"time"

	page "pgtest/jsonstream/report"
	"pgtest/jsonstream/result"
)

// TestAddPoint has a test that ran several times in each of three runs.
func TestAddPoint(t *testing.T) {
	run := func(n int, end result.End, elapsed time.Duration) page.Point {
		return page.Point{Run: time.Unix(int64(n), 0), End: end, Elapsed: elapsed}
	}
	var got []page.Point
	for _, p := range []page.Point{
		run(1, result.Passed, 1), run(1, result.Panicked, 2), run(1, result.Passed, 3),
		run(2, result.Passed, 4), run(2, result.Skipped, 5), run(3, result.Failed, 6), run(3, result.Raced, 7),
	} {
		got = addPoint(got, p)
	}
	want := []page.Point{run(1, result.Panicked, 2), run(2, result.Passed, 4), run(3, result.Failed, 6)}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
