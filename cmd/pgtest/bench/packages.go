package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// packages compares runs of 100 small packages.
func (b *bench) packages() error {
	files := map[string]string{}
	for i := range 100 {
		name := fmt.Sprintf("p%02d", i)
		files[name+"/p_test.go"] = "package " + name + "\n\nimport \"testing\"\n\nfunc TestNothing(t *testing.T) {}\n"
	}
	dir, err := b.module("small", files)
	if err != nil {
		return err
	}
	run := func(words ...string) command { return command{dir: dir, words: append(words, "./...")} }
	peer, ours := run("go", "test"), run(b.pgtest)
	for _, fill := range []command{peer, ours} { // the caches
		if _, err := fill.run(); err != nil {
			return err
		}
	}
	theirs, cost, err := compare(b.rounds, peer, ours)
	if err != nil {
		return err
	}
	b.table.ratio("100 packages, cached", "", theirs, cost)

	peer = run("go", "test", "-count=1")
	if theirs, cost, err = compare(b.rounds, peer, run(b.pgtest, "--link-cache=off", "-count=1")); err != nil {
		return err
	}
	b.table.ratio("100 packages, uncached, no link cache", "", theirs, cost)
	if theirs, cost, err = compare(b.rounds, peer, run(b.pgtest, "-count=1")); err != nil {
		return err
	}
	b.table.ratio("100 packages, uncached, linked before", "", theirs, cost)

	// Groups that no package is in. Each package waits for its answer in any case.
	config := filepath.Join(b.dir, "groups.toml")
	if err := os.WriteFile(config, []byte("[group.db]\nmax = 1\n[[override]]\ntests = \"TestDatabase\"\ngroup = \"db\"\nweight = 2\n"), 0o600); err != nil {
		return err
	}
	if theirs, cost, err = compare(b.rounds, run(b.pgtest, "-count=1"), run(b.pgtest, "-count=1", "--config="+config)); err != nil {
		return err
	}
	b.table.ratio("100 packages, groups that none is in", "", theirs, cost)

	// Both print events, so that what is left is the cost of the supervisors.
	theirs, cost, err = compare(b.rounds, run("go", "test", "-json", "-count=1"), run(b.pgtest, "-json", "--link-cache=off", "-count=1"))
	if err != nil {
		return err
	}
	b.table.difference("supervisor, wall time a package", theirs.wall/100, cost.wall/100)
	b.table.difference("supervisor, CPU time a package", theirs.cpu/100, cost.cpu/100)
	return nil
}

// leaks compares runs of a package that leaves a process with its standard
// output behind. Go test waits for a tenth of -timeout, 5 s at least.
func (b *bench) leaks() error {
	dir, err := b.module("leak", map[string]string{"leak_test.go": `package leak

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
	run := func(words ...string) command {
		return command{dir: dir, words: append(words, "-count=1", "-timeout=20s")}
	}
	rounds := min(b.rounds, 3)
	peer, ours, err := compare(rounds, run("go", "test"), run(b.pgtest))
	if err != nil {
		return err
	}
	b.table.ratio("a leaked process that holds stdout", "", peer, ours)
	clean, ours, err := compare(rounds, run(b.pgtest, "-run=^$"), run(b.pgtest))
	if err != nil {
		return err
	}
	b.table.difference("a leaked process against none", clean.wall, ours.wall)
	return nil
}

// supervisor compares a program that does nothing with the same program under a
// supervisor.
func (b *bench) supervisor() error {
	return b.wrapped("start and end of a supervisor", `package main

import (
	"os"
	"syscall"
)

func main() {
	pid, err := syscall.ForkExec(os.Args[1], os.Args[1:], &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		os.Exit(1)
	}
	syscall.Wait4(pid, nil, 0, nil)
}
`, "__exec")
}

// tool compares a program that does nothing with the same program as a tool of
// the go command.
func (b *bench) tool() error {
	return b.wrapped("the tool wrapper", `package main

import (
	"os"
	"syscall"
)

func main() {
	syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
	os.Exit(1)
}
`, "__tool", "--dir="+b.dir)
}

// wrapped compares a program that does nothing with the same program under a
// role. Most of the difference is the start of a second Go program, which is the
// same whatever that does. So the limit is on what the role takes beyond the
// smallest program that could stand in its place.
func (b *bench) wrapped(what, smallest string, role ...string) error {
	nothing, err := b.program("nothing", "package main\n\nfunc main() {}\n")
	if err != nil {
		return err
	}
	least, err := b.program("smallest"+role[0], smallest)
	if err != nil {
		return err
	}
	run := func(words ...string) func() command {
		return func() command { return command{words: append(words, nothing)} }
	}
	costs, err := compareAll(200, []func() command{run(), run(least), run(append([]string{b.pgtest}, role...)...)})
	if err != nil {
		return err
	}
	b.table.difference(what, costs[0].wall, costs[2].wall)
	b.table.difference("the same, by the smallest program", costs[0].wall, costs[1].wall)
	b.table.difference(what+", beyond that", costs[1].wall, costs[2].wall)
	return nil
}

// isolation compares a process for each test with one for all.
func (b *bench) isolation() error {
	dir, err := b.module("tests", map[string]string{
		"sleep/a_test.go":   testFile(64, "time.Sleep(100 * time.Millisecond)", "time"),
		"nothing/a_test.go": testFile(500, "", ""),
		"cpu/a_test.go": testFile(40, `n := uint64(1)
	for range 50_000_000 {
		n = n*6364136223846793005 + 1442695040888963407
	}
	if n == 0 {
		t.Fail()
	}`, ""),
	})
	if err != nil {
		return err
	}
	both := func(pkg string, flags ...string) (peer, ours cost, err error) {
		them := command{dir: dir, words: []string{"go", "test", "-count=1", "./" + pkg}}
		us := command{dir: dir, words: append([]string{b.pgtest, "--isolate=test", "-count=1", "./" + pkg}, flags...)}
		for _, fill := range []command{them, us} { // the caches
			if _, err := fill.run(); err != nil {
				return peer, ours, err
			}
		}
		return compare(min(b.rounds, 5), them, us)
	}
	peer, ours, err := both("sleep", "--test-procs=16")
	if err != nil {
		return err
	}
	b.table.ratio("64 tests that sleep 100 ms, 16 processes", "", peer, ours)
	if peer, ours, err = both("nothing"); err != nil {
		return err
	}
	b.table.difference("a process for a test, CPU time", peer.cpu/500, ours.cpu/500)
	alone, err := b.testBinary(filepath.Join(dir, "nothing"))
	if err != nil {
		return err
	}
	b.table.difference("a process for a test, beyond its binary", alone.cpu, (ours.cpu-peer.cpu)/500)
	if peer, ours, err = both("cpu", "--test-procs=1"); err != nil {
		return err
	}
	b.table.ratio("tests that compute, one process at a time", "", peer, ours)
	return nil
}

// testBinary returns what the test binary of the package in dir takes that runs no
// test: a process for a test can't take less.
func (b *bench) testBinary(dir string) (cost, error) {
	cmd := exec.Command("go", "test", "-c", "-o", "alone.test", ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return cost{}, fmt.Errorf("%w: %s", err, out)
	}
	alone := command{dir: dir, words: []string{filepath.Join(dir, "alone.test"), "-test.run=^$"}}
	costs, err := compareAll(200, []func() command{func() command { return alone }})
	if err != nil {
		return cost{}, err
	}
	return costs[0], nil
}

// testFile returns a file of n tests with the same body, which may need a package.
func testFile(n int, body, needs string) string {
	text := "package a\n\nimport \"testing\"\n"
	if needs != "" {
		text += fmt.Sprintf("import %q\n", needs)
	}
	for i := range n {
		text += fmt.Sprintf("\nfunc Test%03d(t *testing.T) {\n\t%s\n}\n", i, body)
	}
	return text
}
