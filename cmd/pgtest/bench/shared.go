package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"pgtest/harness/gotest"
	"pgtest/harness/harnesstest"
)

// shared compares runs on machines with empty caches that share a server, which
// has what a first machine has built: packages that import as much as a server does,
// and packages that import nothing, of which a link is the cheapest there is.
func (b *bench) shared() error {
	place := filepath.Join(b.dir, "shared-caches")
	if err := os.Mkdir(place, 0o700); err != nil {
		return err
	}
	server, err := harnesstest.StartCacheServer(place)
	if err != nil {
		return err
	}
	defer server.Stop()
	machines := 0
	// machine runs a command on a machine of its own. Their caches stay until all
	// is measured: ext4 is slow to make files after many were removed.
	machine := func(dir string, words ...string) func() command {
		return func() command {
			machines++
			own := filepath.Join(place, fmt.Sprint(machines))
			touchMemory()
			return command{dir: dir, words: append(words, "-count=1", "./..."), env: []string{
				"GOCACHE=" + filepath.Join(own, "go-build"), "XDG_CACHE_HOME=" + filepath.Join(own, "cache"),
				"GOCACHEPROG=" + server.Program(filepath.Join(own, "cacher")),
			}}
		}
	}
	for _, module := range []struct {
		name, what string
		files      map[string]string
	}{
		{"serving", "100 packages, built on another machine", servingPackages(100)},
		{"bare", "100 packages without imports, built on another machine", coldPackages(100)},
	} {
		dir, err := b.module(module.name, module.files)
		if err != nil {
			return err
		}
		peer, ours := machine(dir, "go", "test"), machine(dir, b.pgtest)
		if _, err := ours().run(); err != nil {
			return err
		}
		costs, err := compareAll(min(b.rounds, 3), []func() command{peer, ours})
		if err != nil {
			return err
		}
		b.table.ratio(module.what, "", costs[0], costs[1])
	}
	return nil
}

// cacheProgram is what makes this program a GOCACHEPROG.
const cacheProgram = "__cacheprog"

// faulty compares runs with a cache program that has a fault, as pgtest sees it,
// with runs without one. The go command, which would fail or wait, has none.
func (b *bench) faulty() error {
	dir, err := b.module("faulty", coldPackages(100))
	if err != nil {
		return err
	}
	goPath, err := exec.LookPath("go")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	place := filepath.Join(b.dir, "faulty-programs")
	if err := harnesstest.WriteModule(place, map[string]string{"go": "#!/bin/sh\nunset GOCACHEPROG\nexec '" + goPath + "' \"$@\"\n"}); err != nil {
		return err
	}
	if err := os.Chmod(filepath.Join(place, "go"), 0o700); err != nil {
		return err
	}
	machines := 0
	machine := func(env ...string) command {
		machines++
		own := filepath.Join(place, fmt.Sprint(machines))
		touchMemory()
		env = append(env, "PATH="+place+":"+os.Getenv("PATH"), goCache(), "XDG_CACHE_HOME="+own)
		return command{dir: dir, words: []string{b.pgtest, "-count=1", "./..."}, env: env}
	}
	commands := []func() command{func() command { return machine() }}
	faults := []struct{ what, fault string }{
		{"slow", "is slow"}, {"dead", "dies after get"}, {"full", "refuses put"}, {"wrong", "damages"},
	}
	for _, f := range faults {
		stored := filepath.Join(place, f.what)
		if err := os.Mkdir(stored, 0o700); err != nil {
			return err
		}
		program, err := gotest.JoinQuoted([]string{self, cacheProgram, stored, f.fault})
		if err != nil {
			return err
		}
		commands = append(commands, func() command { return machine("GOCACHEPROG=" + program) })
	}
	// Nothing is compiled any more, and the program has what it takes.
	for _, fill := range []func() command{commands[0], commands[len(commands)-1]} {
		if _, err := fill().run(); err != nil {
			return err
		}
	}
	costs, err := compareAll(min(b.rounds, 3), commands)
	if err != nil {
		return err
	}
	for i, f := range faults {
		b.table.ratio("100 packages, a cache program that is "+f.what, "a faulty cache program", costs[0], costs[i+1])
	}
	return nil
}
