package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"pgtest/harness/harnesstest"
)

// isolation compares a process for each test with one for all.
func isolation(t *table, dir, pgtest string) error {
	module := filepath.Join(dir, "tests")
	err := harnesstest.WriteModule(module, map[string]string{
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
	*rounds = 5
	both := func(pkg string, flags ...string) (a, b cost, err error) {
		peer := command{module, []string{"go", "test", "-count=1", "./" + pkg}}
		ours := command{module, append([]string{pgtest, "--isolate=test", "-count=1", "./" + pkg}, flags...)}
		for _, c := range []command{peer, ours} { // fill the caches
			if _, err := c.run(); err != nil {
				return a, b, err
			}
		}
		return compare(peer, ours)
	}
	a, b, err := both("sleep", "--test-procs=16")
	if err != nil {
		return err
	}
	t.ratio("64 tests that sleep 100 ms, 16 processes", a.wall, b.wall, 0.1)
	if a, b, err = both("nothing"); err != nil {
		return err
	}
	t.differenceLimit("a process for a test, CPU time", a.cpu/500, b.cpu/500, 4*time.Millisecond)
	if a, b, err = both("cpu", "--test-procs=1"); err != nil {
		return err
	}
	t.ratio("tests that compute, one process at a time", a.wall, b.wall, 1.25)
	return nil
}

// testFile returns a file of n tests with the same body, which may need a package.
func testFile(n int, body, needs string) string {
	var b strings.Builder
	b.WriteString("package a\n\nimport \"testing\"\n")
	if needs != "" {
		fmt.Fprintf(&b, "import %q\n", needs)
	}
	for i := range n {
		fmt.Fprintf(&b, "\nfunc Test%03d(t *testing.T) {\n\t%s\n}\n", i, body)
	}
	return b.String()
}
