package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/harness/harnesstest"
)

// newPatterns compares runs of one package with large dependencies, with
// another -run pattern each time: linked before, and linked for the first time.
// What go test takes for a result that is cached nobody can save who starts go test:
// the limit is on the rest, with go's files where a run of pgtest has them.
func newPatterns(t *table, dir, pgtest string) error {
	pkg, module := *large, dir
	if *where != "" {
		module = *where
	}
	placed := filepath.Join(dir, "placed")
	if err := os.Mkdir(placed, 0o700); err != nil {
		return err
	}
	exec.Command("chattr", "+T", placed).Run() // fails where it makes no difference
	pattern := func() string { return fmt.Sprintf("-run=^TestNone%d$", time.Now().UnixNano()) }
	peer := func() command { return command{module, []string{"go", "test", pattern(), pkg}} }
	placedPeer := func() command {
		return command{module, []string{"env", "GOTMPDIR=" + placed, "go", "test", pattern(), pkg}}
	}
	cached := func() command {
		return command{module, []string{"env", "GOTMPDIR=" + placed, "go", "test", "-run=^TestNone$", pkg}}
	}
	ours := func() command { return command{module, []string{pgtest, pattern(), pkg}} }
	first := func() command {
		empty := "XDG_CACHE_HOME=" + filepath.Join(dir, fmt.Sprint("cache-", time.Now().UnixNano()))
		return command{module, []string{"env", goCache(), empty, pgtest, pattern(), pkg}}
	}
	for _, fill := range []command{cached(), ours()} {
		if _, err := fill.run(); err != nil {
			return err
		}
	}
	costs, err := compareAll([]func() command{peer, placedPeer, cached, ours, first})
	if err != nil {
		return err
	}
	plain, best, floor, linked, unlinked := costs[0].wall, costs[1].wall, costs[2].wall, costs[3].wall, costs[4].wall
	t.ratio(pkg+", a new -run pattern", plain, linked, 0)
	t.ratio("the same, go's files placed as ours", best, linked, 0)
	t.ratio("the same, beyond a cached result", best-floor, max(linked-floor, 0), 0.3)
	t.ratio(pkg+", never linked before", plain, unlinked, 1.05)
	return nil
}

// cold compares first runs of packages that take next to nothing to compile and to
// run, with an empty link cache: with nothing compiled, and with all but the
// module. Memory is touched before, see touchMemory.
func cold(t *table, dir, pgtest string) error {
	*rounds = min(*rounds, 5)
	never := func(module string) string { return "GOCACHE=" + filepath.Join(module, "go-build") }
	if err := firstRuns(t, "nothing compiled", dir, pgtest, never, 1.05); err != nil {
		return err
	}
	return firstRuns(t, "never linked before", dir, pgtest, func(string) string { return goCache() }, 0)
}

// firstRuns compares runs of a module that is new each time. buildCache sets go's
// cache for it.
func firstRuns(t *table, what, dir, pgtest string, buildCache func(module string) string, limit float64) error {
	const packages = 30
	var costs [2][]cost
	for round := range *rounds {
		for i, words := range [][]string{{"go", "test", "./..."}, {pgtest, "./..."}} {
			module := filepath.Join(dir, fmt.Sprintf("cold-%d-%d", round, i))
			if err := harnesstest.WriteModule(module, coldPackages(packages)); err != nil {
				return err
			}
			words = append([]string{"env", buildCache(module), "XDG_CACHE_HOME=" + filepath.Join(module, "cache")}, words...)
			touchMemory()
			c, err := command{module, words}.run()
			if err != nil {
				return err
			}
			costs[i] = append(costs[i], c)
			if err := os.RemoveAll(module); err != nil {
				return err
			}
		}
	}
	t.ratio(fmt.Sprintf("%d packages, %s", packages, what), median(costs[0]).wall, median(costs[1]).wall, limit)
	return nil
}

// goCache keeps the go command's cache where it is while XDG_CACHE_HOME moves.
var goCache = sync.OnceValue(func() string {
	dir, _ := exec.Command("go", "env", "GOCACHE").Output()
	return "GOCACHE=" + strings.TrimSpace(string(dir))
})

// touchMemory uses memory and gives it back. Virtual machines return free memory to
// their host. A command that is the first to want it again, for files that it
// writes, waits for the host: up to ten times as long as for the files.
func touchMemory() {
	const size = 1 << 30
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return
	}
	defer unix.Munmap(memory)
	for i := 0; i < size; i += os.Getpagesize() {
		memory[i] = 1
	}
}

// coldPackages returns packages that nothing has compiled before.
func coldPackages(n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		name := fmt.Sprintf("p%02d", i)
		files[name+"/p.go"] = fmt.Sprintf("package %s\n\nconst Now = %d\n", name, time.Now().UnixNano())
		files[name+"/p_test.go"] = "package " + name + "\n\nimport \"testing\"\n\nfunc TestNow(t *testing.T) { t.Log(Now) }\n"
	}
	return files
}

// toolWrapper compares a program that does nothing with the same program as a
// tool of the go command.
func toolWrapper(t *table, dir, pgtest string) error {
	module := filepath.Join(dir, "tool")
	if err := harnesstest.WriteModule(module, map[string]string{"main.go": "package main\n\nfunc main() {}\n"}); err != nil {
		return err
	}
	tool := filepath.Join(module, "compile")
	if _, err := (command{module, []string{"go", "build", "-o", tool, "."}}).run(); err != nil {
		return err
	}
	*rounds = 200
	a, b, err := compare(command{module, []string{tool}}, command{module, []string{pgtest, "__tool", "--dir=" + module, tool}})
	if err != nil {
		return err
	}
	t.differenceLimit("the tool wrapper", a.wall, b.wall, 3*time.Millisecond)
	return nil
}
