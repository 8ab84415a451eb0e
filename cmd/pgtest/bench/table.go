package main

import (
	"fmt"
	"time"
)

// A limit says what a figure may be at most. A zero field is no limit.
type limit struct {
	ratio  float64       // of pgtest's time to the peer's
	more   time.Duration // than the peer
	memory int64         // peak of pgtest, in bytes
}

// limits has what figures may be at most, by their names or what kind they are of.
// A figure that it does not have is printed without a limit.
var limits = map[string]limit{
	"100 packages, cached":                       {ratio: 1.05},
	"100 packages, uncached, linked before":      {ratio: 0.2},
	"100 packages, groups that none is in":       {ratio: 1.02},
	"30 packages, nothing compiled":              {ratio: 1.05},
	"a shard of an archive":                      {ratio: 0.25},
	"beyond a cached result":                     {ratio: 0.3},
	"never linked before":                        {ratio: 1.05},
	"100 packages, built on another machine":     {ratio: 0.25},
	"a faulty cache program":                     {ratio: 1.05},
	"the tool wrapper":                           {more: 3 * time.Millisecond},
	"start and end of a supervisor, beyond that": {more: 3 * time.Millisecond},
	"a leaked process against none":              {more: 500 * time.Millisecond},
	"64 tests that sleep 100 ms, 16 processes":   {ratio: 0.1},
	"a process for a test, beyond its binary":    {more: 2 * time.Millisecond},
	"tests that compute, one process at a time":  {ratio: 1.25},
	"20 tests that pass when they run again":     {ratio: 0.35},
	"the last package as long as nine others":    {ratio: 0.7},
	// What both runs take to start is in it twice.
	"the last package as long as nine others, than with --order=source": {ratio: 0.8},
	"from a saved test file to the result":                              {ratio: 0.6},
	"250 packages, beyond go list":                                      {more: 500 * time.Millisecond},
	"longest of 8 shards":                                               {ratio: 1.10},
	"merge of 10 shards of 1,000 tests":                                 {more: time.Second, memory: 64 << 20},
	"merge of 100 shards of 1,000 tests":                                {more: 3 * time.Second, memory: 64 << 20},
	"merge of 1000 shards of 1,000 tests":                               {more: 20 * time.Second, memory: 64 << 20},

	"a format":                {ratio: 1. / 6, memory: 64 << 20},
	"a standard format":       {ratio: 1. / 4, memory: 64 << 20},
	"a format with JUnit":     {ratio: 1. / 4, memory: 64 << 20},
	"a test that prints much": {memory: 64 << 20},
	// The line is in memory as it came and as it is shown.
	"one line of 100 MB": {ratio: 1.5, memory: 300 << 20},
	"a chatty test":      {ratio: 1.1},

	"a history, of CPU time":  {ratio: 1.02},
	"live lines, of CPU time": {ratio: 1.01},
	"a timeline":              {ratio: 1.5, memory: 64 << 20},
	"a large page":            {more: 2 * time.Second},
}

// table prints figures as they come, and counts those over their limits.
type table struct{ over int }

func (t *table) heading() {
	fmt.Printf("%-52s %11s %11s %9s %9s %9s\n", "", "peer", "pgtest", "", "at most", "memory")
}

// ratio prints two times as a ratio. kind names the limit; empty stands for what.
func (t *table) ratio(what, kind string, peer, ours cost) {
	t.row(what, kind, peer.wall, ours.wall, ours.memory, false)
}

// difference prints two times and how much longer pgtest's is.
func (t *table) difference(what string, peer, ours time.Duration) {
	t.row(what, "", peer, ours, 0, true)
}

func (t *table) row(what, kind string, peer, ours time.Duration, memory int64, difference bool) {
	if kind == "" {
		kind = what
	}
	l := limits[kind]
	ratio := float64(ours) / float64(peer)
	figure, atMost, verdict := fmt.Sprintf("%.2f", ratio), "", ""
	if difference {
		figure = "+" + milliseconds(ours-peer)
	} else if peer == 0 {
		figure = ""
	}
	switch {
	case l.ratio > 0:
		atMost = fmt.Sprintf("%.2f", l.ratio)
	case l.more > 0:
		atMost = "+" + milliseconds(l.more)
	}
	if l != (limit{}) {
		verdict = "ok"
		if l.ratio > 0 && ratio > l.ratio || l.more > 0 && ours-peer > l.more || l.memory > 0 && memory > l.memory {
			verdict = "OVER"
			t.over++
		}
	}
	used := ""
	if l.memory > 0 {
		used = fmt.Sprintf("%d MB", memory>>20)
	}
	fmt.Printf("%-52s %11s %11s %9s %9s %9s %s\n", what, milliseconds(peer), milliseconds(ours), figure, atMost, used, verdict)
}

func milliseconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
