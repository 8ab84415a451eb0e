package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"pgtest/harness/linkcache"
)

// A runner is a command that tests a module.
type runner struct {
	name  string
	words []string
	// failed finds what failed in what the command wrote: its output, or events.
	failed func(io.Reader) ([]string, error)
	events string // the file with the events, "" for none
	cached bool   // it has a link cache
}

// real runs go test, gotestsum and pgtest by turns on the module in a directory,
// and prints what each takes and which tests fail in it. The tests see the same
// environment, and a link cache that is empty at first.
func (b *bench) real(dir string, words []string) error {
	gotestsum, err := b.gotestsum()
	if err != nil {
		return err
	}
	if len(words) == 0 {
		words = []string{"./..."}
	}
	words = append([]string{"-count=1"}, words...)
	events := filepath.Join(b.dir, "events")
	runners := []runner{
		{name: "go test", words: append([]string{"go", "test"}, words...), failed: failedOfText},
		{name: "gotestsum", words: append([]string{gotestsum, "--jsonfile", events, "--"}, words...), failed: failedOfEvents, events: events},
		{name: "pgtest", words: append([]string{b.pgtest, "--jsonfile", events}, words...), failed: failedOfEvents, events: events, cached: true},
	}
	caches := filepath.Join(b.dir, "caches")
	gocache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return err
	}
	for name, value := range map[string]string{"XDG_CACHE_HOME": caches, "XDG_STATE_HOME": filepath.Join(b.dir, "state"), "GOCACHE": strings.TrimSpace(string(gocache))} {
		os.Setenv(name, value)
	}
	cacheDir, err := linkcache.DefaultDir()
	if err != nil {
		return err
	}
	fmt.Printf("%s in %s\nnot counted: compiling, by go vet and go test -run=^$\n", strings.Join(words, " "), dir)
	for _, first := range [][]string{append([]string{"go", "vet"}, words[1:]...), append([]string{"go", "test", "-run=^$"}, words[1:]...)} {
		cmd := exec.Command(first[0], first[1:]...) // may fail, as the tests will
		cmd.Dir = dir
		cmd.Run()
	}
	fmt.Printf("\n%5s  %-10s %9s %9s %7s  %s\n", "round", "", "wall", "CPU", "failed", "links from the cache")
	costs := make(map[string][]cost)
	failures := make(map[string][]string)
	for round := range b.rounds {
		for _, r := range runners {
			before := statsOf(cacheDir)
			cost, failed, err := r.run(dir)
			if err != nil {
				return err
			}
			links := ""
			if r.cached {
				now := statsOf(cacheDir)
				hits := now.Hits + now.Fetched - before.Hits - before.Fetched
				links = fmt.Sprintf("%d of %d", hits, hits+now.Misses+now.Uncached-before.Misses-before.Uncached)
			}
			fmt.Printf("%5d  %-10s %9s %9s %7d  %s\n", round+1, r.name, inSeconds(cost.wall), inSeconds(cost.cpu), len(failed), links)
			if !r.cached || round > 0 { // it links all in the first round
				costs[r.name] = append(costs[r.name], cost)
			}
			failures[r.name] = append(failures[r.name], failed...)
		}
	}
	fmt.Println("\nmedians, of pgtest without the first round:")
	for _, r := range runners {
		if len(costs[r.name]) > 0 {
			m := median(costs[r.name])
			fmt.Printf("%5s  %-10s %9s %9s\n", "", r.name, inSeconds(m.wall), inSeconds(m.cpu))
		}
	}
	fmt.Println()
	reportFailures(runners, failures)
	return nil
}

func statsOf(dir string) linkcache.Stats {
	cache, err := linkcache.Open(dir)
	if err != nil {
		return linkcache.Stats{}
	}
	stats, _ := cache.Stats()
	return stats
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// reportFailures says whether the same tests failed with each runner, in some
// round.
func reportFailures(runners []runner, failures map[string][]string) {
	all := make(map[string][]string) // the runners with which a test failed
	for _, r := range runners {
		for _, test := range failures[r.name] {
			if !slices.Contains(all[test], r.name) {
				all[test] = append(all[test], r.name)
			}
		}
	}
	var lines []string
	for test, with := range all {
		if len(with) < len(runners) {
			lines = append(lines, fmt.Sprintf("failed with %s alone: %s", strings.Join(with, " and "), test))
		}
	}
	slices.Sort(lines)
	if len(lines) == 0 {
		lines = []string{fmt.Sprintf("the same %d tests and packages failed with each", len(all))}
	}
	fmt.Println(strings.Join(lines, "\n"))
}

// run runs the command once, and returns which tests and packages failed.
func (r runner) run(dir string) (cost, []string, error) {
	output, err := os.CreateTemp("", "pgtest-bench-output-")
	if err != nil {
		return cost{}, nil, err
	}
	defer os.Remove(output.Name())
	defer output.Close()
	c, err := command{dir: dir, words: r.words, out: output}.run()
	if err != nil {
		return c, nil, err
	}
	from := output
	if r.events != "" {
		if from, err = os.Open(r.events); err != nil {
			return c, nil, err
		}
		defer from.Close()
	} else if _, err = output.Seek(0, io.SeekStart); err != nil {
		return c, nil, err
	}
	failed, err := r.failed(from)
	slices.Sort(failed)
	return c, slices.Compact(failed), err
}

var (
	failLine    = regexp.MustCompile(`^\s*--- FAIL: (\S+) \(`)
	packageLine = regexp.MustCompile(`^(FAIL|ok  )\t(\S+)`)
)

// failedOfText reads what go test prints: the tests of a package, then its line.
func failedOfText(r io.Reader) (failed []string, err error) {
	var tests []string
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if m := failLine.FindStringSubmatch(line); m != nil {
			tests = append(tests, m[1])
		}
		if m := packageLine.FindStringSubmatch(line); m != nil {
			for _, test := range tests {
				failed = append(failed, m[2]+" "+test)
			}
			if m[1] == "FAIL" {
				failed = append(failed, m[2])
			}
			tests = nil
		}
		if err != nil {
			return failed, nil
		}
	}
}

func failedOfEvents(r io.Reader) (failed []string, err error) {
	for dec := json.NewDecoder(r); ; {
		var e struct{ Action, Package, Test string }
		if err := dec.Decode(&e); err == io.EOF {
			return failed, nil
		} else if err != nil {
			return failed, err
		}
		if e.Action == "fail" {
			failed = append(failed, strings.TrimSpace(e.Package+" "+e.Test))
		}
	}
}
