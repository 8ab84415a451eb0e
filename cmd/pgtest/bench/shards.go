package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"pgtest/harness/shard"
)

// stdTimes are times of the standard library's packages and tests, as recorded
// from go test -short std: a package a line, with its milliseconds, then tests of
// 10 ms or more with theirs.
//
//go:embed testdata/std-times.txt
var stdTimes string

// shards divides recorded times among shards, and merges event files of many.
func (b *bench) shards() error {
	packages, err := recorded(stdTimes)
	if err != nil {
		return err
	}
	for _, n := range []int{8, 10, 100, 1000} {
		start := time.Now()
		plan := shard.Divide(packages, n)
		took := time.Since(start)
		longest, best := balance(packages, plan)
		name := fmt.Sprintf("longest of %d shards, %d packages", n, len(packages))
		b.table.ratio(name, map[bool]string{true: "longest of 8 shards"}[n == 8], cost{wall: best}, cost{wall: longest})
		var text bytes.Buffer
		if err := plan.Write(&text); err != nil {
			return err
		}
		b.table.difference(fmt.Sprintf("their plan, %d KB", text.Len()>>10), 0, took)
	}
	for _, n := range []int{10, 100, 1000} {
		if err := b.merge(n); err != nil {
			return err
		}
	}
	return nil
}

// recorded reads times.
func recorded(text string) ([]shard.Package, error) {
	var all []shard.Package
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		p := shard.Package{Path: words[0], Tests: make(map[string]time.Duration)}
		for i, word := range words[1:] {
			name, number, isTest := strings.Cut(word, "=")
			if !isTest {
				number = name
			}
			ms, err := strconv.Atoi(number)
			switch took := time.Duration(ms) * time.Millisecond; {
			case err != nil || isTest != (i > 0):
				return nil, fmt.Errorf("recorded times: %q", line)
			case isTest:
				p.Tests[name] = took
			default:
				p.Time = took
			}
		}
		all = append(all, p)
	}
	return all, nil
}

// balance returns how long the longest shard of a plan takes, and what no plan can
// be below: the mean, or the longest test. Tests take a part of their package's
// time: some ran side by side.
func balance(packages []shard.Package, plan shard.Plan) (longest, best time.Duration) {
	loads := make([]time.Duration, plan.Shards)
	var all time.Duration
	for _, p := range packages {
		var sum time.Duration
		for _, took := range p.Tests {
			sum += took
		}
		share, rest := plan.Packages[p.Path], p.Time
		for name, took := range p.Tests {
			took = time.Duration(float64(took) / float64(max(sum, p.Time)) * float64(p.Time))
			best = max(best, took)
			if given := share.Tests[name]; given > 0 {
				loads[given-1] += took
				rest -= took
			}
		}
		loads[share.Shard-1] += rest
		all += p.Time
	}
	for _, load := range loads {
		longest = max(longest, load)
	}
	return longest, max(best, all/time.Duration(plan.Shards))
}

// merge measures what merges so many shards of 1,000 passed tests.
func (b *bench) merge(shards int) error {
	dir := filepath.Join(b.dir, "shards")
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	words := []string{b.pgtest, "tool", "merge", "--history=off", "--format=none", "--junitfile=" + filepath.Join(dir, "junit.xml")}
	var size int64
	for i := 1; i <= shards; i++ {
		path := filepath.Join(dir, fmt.Sprintf("%d.json", i))
		if err := writeShard(path, shard.Mark{Index: i, Total: shards}); err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		size += info.Size()
		words = append(words, path)
	}
	ours, err := command{dir: dir, words: words}.run()
	if err == nil {
		name := fmt.Sprintf("merge of %d shards of 1,000 tests", shards)
		b.table.row(fmt.Sprintf("%s, %d MB, processor time", name, (size+500_000)/1_000_000), name, 0, ours.cpu, ours.memory, true)
	}
	return err
}

// writeShard writes the event file of a shard with a package of 1,000 tests.
func writeShard(path string, m shard.Mark) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	w.Write(m.Line())
	event := func(action, more string) {
		fmt.Fprintf(w, `{"Time":"2026-11-23T12:00:00.123456789Z","Action":%q,"Package":"example.com/module/p%d"%s}`+"\n", action, m.Index, more)
	}
	event("start", "")
	for i := range 1000 {
		test := fmt.Sprintf(`,"Test":"TestNumber%d"`, i)
		event("run", test)
		event("pass", test+`,"Elapsed":0.01`)
	}
	event("pass", `,"Elapsed":10`)
	m.Ended = true
	w.Write(m.Line())
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
