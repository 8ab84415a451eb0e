// Bench prints what a run costs against go test: wall and CPU time, side by
// side, alternating, the median of several rounds. It exits with status 1 if a
// figure is over its limit. Arguments choose parts: packages, cold, patterns,
// tool, leaks, isolation, supervisor.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"pgtest/harness/harnesstest"
)

var (
	rounds = flag.Int("rounds", 7, "how often each command runs")
	large  = flag.String("package", "net/http", "the package with large dependencies that runs with new -run patterns")
	where  = flag.String("dir", "", "the directory in which -package is found")
)

func main() {
	flag.Parse()
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A part compares runs of one kind. dir is for what it needs, pgtest the command.
type part struct {
	name string
	run  func(t *table, dir, pgtest string) error
}

// parts are what arguments can choose.
var parts = []part{
	{"packages", packages}, {"cold", cold}, {"patterns", newPatterns}, {"tool", toolWrapper},
	{"leaks", leaks}, {"isolation", isolation}, {"supervisor", supervisor},
}

func bench() error {
	for _, name := range flag.Args() {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("no part %q", name)
		}
	}
	dir, err := os.MkdirTemp("", "pgtest-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	pgtest, err := harnesstest.BuildPgtest(dir)
	if err != nil {
		return err
	}
	t := &table{w: tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)}
	t.row("what", "peer", "pgtest", "ratio", "limit", "")
	for _, part := range parts {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), part.name) {
			continue
		}
		chosen := *rounds
		err := part.run(t, dir, pgtest)
		*rounds = chosen // some have a number of their own
		if err != nil {
			return err
		}
	}
	t.w.Flush()
	if t.over > 0 {
		return fmt.Errorf("%d figures are over their limits", t.over)
	}
	return nil
}

// packages compares runs of 100 small packages.
func packages(t *table, dir, pgtest string) error {
	module := filepath.Join(dir, "small")
	files := map[string]string{}
	for i := range 100 {
		name := fmt.Sprintf("p%02d", i)
		files[name+"/p_test.go"] = "package " + name + "\n\nimport \"testing\"\n\nfunc TestNothing(t *testing.T) {}\n"
	}
	if err := harnesstest.WriteModule(module, files); err != nil {
		return err
	}
	peer := command{module, []string{"go", "test", "./..."}}
	ours := command{module, []string{pgtest, "./..."}}
	for _, c := range []command{peer, ours} { // fill the caches
		if _, err := c.run(); err != nil {
			return err
		}
	}
	a, b, err := compare(peer, ours)
	if err != nil {
		return err
	}
	t.ratio("100 packages, cached", a.wall, b.wall, 1.05)

	peer.words = append(peer.words, "-count=1")
	linking := command{module, []string{pgtest, "--link-cache=off", "./...", "-count=1"}}
	if a, b, err = compare(peer, linking); err != nil {
		return err
	}
	t.ratio("100 packages, uncached, no link cache", a.wall, b.wall, 0)
	ours.words = append(ours.words, "-count=1")
	if a, b, err = compare(peer, ours); err != nil {
		return err
	}
	t.ratio("100 packages, uncached, linked before", a.wall, b.wall, 0.2)

	// Without links what is left is the cost of the supervisors: user -toolexec
	// and formats out of the way, both print events.
	events := command{module, []string{"go", "test", "-json", "./...", "-count=1"}}
	supervised := command{module, []string{pgtest, "-json", "--link-cache=off", "./...", "-count=1"}}
	if a, b, err = compare(events, supervised); err != nil {
		return err
	}
	t.difference("supervisor, wall time a package", a.wall/100, b.wall/100)
	t.difference("supervisor, CPU time a package", a.cpu/100, b.cpu/100)
	return nil
}

// leaks compares runs of a package that leaves a process with its standard
// output behind. Go test waits for a tenth of -timeout, 5 s at least.
func leaks(t *table, dir, pgtest string) error {
	module := filepath.Join(dir, "leak")
	err := harnesstest.WriteModule(module, map[string]string{"leak_test.go": `package leak

import (
	"os"
	"os/exec"
	"testing"
)

func TestLeak(t *testing.T) {
	c := exec.Command("sleep", "8")
	c.Stdout = os.Stdout
	c.Start()
}
`})
	if err != nil {
		return err
	}
	*rounds = min(*rounds, 3)
	peer := command{module, []string{"go", "test", "-count=1", "-timeout=20s"}}
	clean := command{module, []string{pgtest, "-count=1", "-timeout=20s", "-run=^$"}}
	ours := command{module, []string{pgtest, "-count=1", "-timeout=20s"}}
	a, b, err := compare(peer, ours)
	if err != nil {
		return err
	}
	t.ratio("a leaked process that holds stdout", a.wall, b.wall, 0)
	if a, b, err = compare(clean, ours); err != nil {
		return err
	}
	t.differenceLimit("the same against no leak", a.wall, b.wall, 500*time.Millisecond)
	return nil
}

// supervisor compares a program that does nothing with the same program under
// a supervisor.
func supervisor(t *table, dir, pgtest string) error {
	module := filepath.Join(dir, "nothing")
	if err := harnesstest.WriteModule(module, map[string]string{"main.go": "package main\n\nfunc main() {}\n"}); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-o", "nothing", ".")
	build.Dir = module
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	nothing := filepath.Join(module, "nothing")
	*rounds = 200
	a, b, err := compare(command{module, []string{nothing}}, command{module, []string{pgtest, "__exec", nothing}})
	if err != nil {
		return err
	}
	t.differenceLimit("start and end of a supervisor", a.wall, b.wall, 3*time.Millisecond)
	return nil
}

// command is a command line and where it runs.
type command struct {
	dir   string
	words []string
}

// cost is what a command took.
type cost struct{ wall, cpu time.Duration }

func (c command) run() (cost, error) {
	cmd := exec.Command(c.words[0], c.words[1:]...)
	cmd.Dir = c.dir
	start := time.Now()
	out, err := cmd.CombinedOutput()
	wall := time.Since(start)
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		return cost{}, fmt.Errorf("%v: %w: %s", c.words, err, out)
	}
	return cost{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, nil
}

// compare runs two commands by turns and returns the medians of their costs.
func compare(a, b command) (cost, cost, error) {
	costs, err := compareAll([]func() command{func() command { return a }, func() command { return b }})
	if err != nil {
		return cost{}, cost{}, err
	}
	return costs[0], costs[1], nil
}

// compareAll runs commands by turns, made anew for each round, and returns the
// medians of their costs.
func compareAll(commands []func() command) ([]cost, error) {
	costs := make([][]cost, len(commands))
	for range *rounds {
		for i, c := range commands {
			cost, err := c().run()
			if err != nil {
				return nil, err
			}
			costs[i] = append(costs[i], cost)
		}
	}
	medians := make([]cost, len(commands))
	for i := range medians {
		medians[i] = median(costs[i])
	}
	return medians, nil
}

func median(costs []cost) cost {
	var wall, cpu []time.Duration
	for _, c := range costs {
		wall, cpu = append(wall, c.wall), append(cpu, c.cpu)
	}
	slices.Sort(wall)
	slices.Sort(cpu)
	return cost{wall[len(wall)/2], cpu[len(cpu)/2]}
}

// table prints figures, and counts those over their limits.
type table struct {
	w    *tabwriter.Writer
	over int
}

func (t *table) row(cells ...string) {
	for _, cell := range cells {
		fmt.Fprint(t.w, cell, "\t")
	}
	fmt.Fprintln(t.w)
}

// ratio prints two durations; a limit of 0 is none.
func (t *table) ratio(what string, peer, ours time.Duration, limit float64) {
	ratio := float64(ours) / float64(peer)
	limitText, verdict := "", ""
	if limit > 0 {
		limitText, verdict = fmt.Sprintf("%.2f", limit), t.verdict(ratio > limit)
	}
	t.row(what, milliseconds(peer), milliseconds(ours), fmt.Sprintf("%.2f", ratio), limitText, verdict)
}

// difference prints two durations and what ours takes more.
func (t *table) difference(what string, peer, ours time.Duration) {
	t.row(what, milliseconds(peer), milliseconds(ours), "+"+milliseconds(ours-peer), "", "")
}

func (t *table) differenceLimit(what string, peer, ours, limit time.Duration) {
	t.row(what, milliseconds(peer), milliseconds(ours), "+"+milliseconds(ours-peer), "+"+milliseconds(limit),
		t.verdict(ours-peer > limit))
}

func (t *table) verdict(over bool) string {
	if over {
		t.over++
		return "OVER"
	}
	return "ok"
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
