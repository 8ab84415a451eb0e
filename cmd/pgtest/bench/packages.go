package main

import (
	"fmt"
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
func (b *bench) supervisor() error { return b.wrapped("start and end of a supervisor", "__exec") }

// tool compares a program that does nothing with the same program as a tool of
// the go command.
func (b *bench) tool() error { return b.wrapped("the tool wrapper", "__tool", "--dir="+b.dir) }

func (b *bench) wrapped(what string, role ...string) error {
	nothing, err := b.nothing()
	if err != nil {
		return err
	}
	words := append(append([]string{b.pgtest}, role...), nothing)
	peer, ours, err := compare(200, command{words: []string{nothing}}, command{words: words})
	if err != nil {
		return err
	}
	b.table.difference(what, peer.wall, ours.wall)
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
	if peer, ours, err = both("cpu", "--test-procs=1"); err != nil {
		return err
	}
	b.table.ratio("tests that compute, one process at a time", "", peer, ours)
	return nil
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
