package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"pgtest/harness/harnesstest"
)

// links compares runs in which most of the time goes into links.
func links(t *table, dir, pgtest string) error {
	if err := coldLinks(t, dir, pgtest); err != nil {
		return err
	}
	if err := newPatterns(t, dir, pgtest); err != nil {
		return err
	}
	return toolWrapper(t, dir, pgtest)
}

// newPatterns compares runs of one package with large dependencies, with
// another -run pattern each time.
func newPatterns(t *table, dir, pgtest string) error {
	var costs [2][]cost
	// The first round fills the caches.
	for round := range *rounds + 1 {
		for i, program := range [][]string{{"go", "test"}, {pgtest}} {
			pattern := fmt.Sprintf("-run=^TestNone%d$", 2*round+i)
			c, err := command{dir, append(program, pattern, "net/http")}.run()
			if err != nil {
				return err
			}
			if round > 0 {
				costs[i] = append(costs[i], c)
			}
		}
	}
	t.ratio("net/http, a new -run pattern", median(costs[0]).wall, median(costs[1]).wall, 0.3)
	return nil
}

// coldLinks compares first runs: nothing of the module is compiled, and the
// link cache is empty. The standard library is compiled.
func coldLinks(t *table, dir, pgtest string) error {
	const packages = 30
	goCache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return err
	}
	var costs [2][]cost
	for round := range min(*rounds, 5) {
		for i, words := range [][]string{{"go", "test", "./..."}, {pgtest, "./..."}} {
			module := filepath.Join(dir, fmt.Sprintf("cold-%d-%d", round, i))
			if err := harnesstest.WriteModule(module, coldPackages(packages)); err != nil {
				return err
			}
			words = append([]string{
				"env", "GOCACHE=" + strings.TrimSpace(string(goCache)), "XDG_CACHE_HOME=" + filepath.Join(module, "cache"),
			}, words...)
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
	a, b := median(costs[0]), median(costs[1])
	t.ratio(fmt.Sprintf("%d packages, never linked before", packages), a.wall, b.wall, 1.05)
	return nil
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
	defer func(old int) { *rounds = old }(*rounds)
	*rounds = 200
	a, b, err := compare(command{module, []string{tool}}, command{module, []string{pgtest, "__tool", "--dir=" + module, tool}})
	if err != nil {
		return err
	}
	t.differenceLimit("the tool wrapper", a.wall, b.wall, 3*time.Millisecond)
	return nil
}
