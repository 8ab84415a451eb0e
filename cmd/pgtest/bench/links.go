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

// patterns compares runs of one package with large dependencies, with another
// -run pattern each time: linked before, and linked for the first time. No wrapper
// can beat go test's own cached run, so the limit is on the time above it, with
// go's files where a run of pgtest has them.
func (b *bench) patterns() error {
	placed := filepath.Join(b.dir, "placed")
	if err := os.Mkdir(placed, 0o700); err != nil {
		return err
	}
	exec.Command("chattr", "+T", placed).Run() // fails where it makes no difference
	in := b.dir
	if b.pkgDir != "" {
		in = b.pkgDir
	}
	run := func(env []string, words ...string) command {
		return command{dir: in, words: append(words, b.pkg), env: env}
	}
	pattern := func() string { return fmt.Sprintf("-run=^TestNone%d$", time.Now().UnixNano()) }
	there := []string{"GOTMPDIR=" + placed}
	peer := func() command { return run(nil, "go", "test", pattern()) }
	placedPeer := func() command { return run(there, "go", "test", pattern()) }
	cached := func() command { return run(there, "go", "test", "-run=^TestNone$") }
	ours := func() command { return run(nil, b.pgtest, pattern()) }
	first := func() command {
		empty := "XDG_CACHE_HOME=" + filepath.Join(b.dir, fmt.Sprint("cache-", time.Now().UnixNano()))
		return run([]string{goCache(), empty}, b.pgtest, pattern())
	}
	for _, fill := range []command{cached(), ours()} {
		if _, err := fill.run(); err != nil {
			return err
		}
	}
	costs, err := compareAll(b.rounds, []func() command{peer, placedPeer, cached, ours, first})
	if err != nil {
		return err
	}
	plain, best, floor, linked, unlinked := costs[0], costs[1], costs[2], costs[3], costs[4]
	b.table.ratio(b.pkg+", a new -run pattern", "", plain, linked)
	b.table.ratio("the same, go's files placed as ours", "", best, linked)
	above := func(c cost) cost { return cost{wall: max(c.wall-floor.wall, 0)} }
	b.table.ratio("the same, beyond a cached result", "beyond a cached result", above(best), above(linked))
	b.table.ratio(b.pkg+", never linked before", "never linked before", plain, unlinked)
	return nil
}

// cold compares first runs of packages that take next to nothing to compile and to
// run, with an empty link cache: with nothing compiled, and with all but the
// module. Memory is touched before, see touchMemory.
func (b *bench) cold() error {
	never := func(module string) string { return "GOCACHE=" + filepath.Join(module, "go-build") }
	if err := b.firstRuns("nothing compiled", never); err != nil {
		return err
	}
	return b.firstRuns("never linked before", func(string) string { return goCache() })
}

// firstRuns compares runs of a module that is new each time. buildCache sets go's
// cache for it.
func (b *bench) firstRuns(what string, buildCache func(module string) string) error {
	const packages = 30
	var costs [2][]cost
	for round := range min(b.rounds, 5) {
		for i, words := range [][]string{{"go", "test", "./..."}, {b.pgtest, "./..."}} {
			module := filepath.Join(b.dir, fmt.Sprintf("cold-%d-%d", round, i))
			if err := harnesstest.WriteModule(module, coldPackages(packages)); err != nil {
				return err
			}
			touchMemory()
			c, err := command{dir: module, words: words, env: []string{buildCache(module), "XDG_CACHE_HOME=" + filepath.Join(module, "cache")}}.run()
			if err != nil {
				return err
			}
			costs[i] = append(costs[i], c)
			if err := os.RemoveAll(module); err != nil {
				return err
			}
		}
	}
	b.table.ratio(fmt.Sprintf("%d packages, %s", packages, what), "", median(costs[0]), median(costs[1]))
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

// servingPackages returns packages that nothing has compiled before, and that import
// net/http and encoding/json.
func servingPackages(n int) map[string]string {
	files := coldPackages(n)
	for i := range n {
		name := fmt.Sprintf("p%02d", i)
		files[name+"/serve.go"] = "package " + name + `

import (
	"encoding/json"
	"net/http"
)

func Serve(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(Now) }
`
	}
	return files
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
