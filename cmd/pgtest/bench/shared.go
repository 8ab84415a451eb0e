package main

import (
	"fmt"
	"os"
	"path/filepath"

	"pgtest/harness/harnesstest"
)

// shared compares runs on machines with empty caches that share a server, which
// has what a first machine has built.
func (b *bench) shared() error {
	dir, err := b.module("shared", coldPackages(100))
	if err != nil {
		return err
	}
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
	machine := func(words ...string) func() command {
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
	peer, ours := machine("go", "test"), machine(b.pgtest)
	if _, err := ours().run(); err != nil {
		return err
	}
	costs, err := compareAll(min(b.rounds, 3), []func() command{peer, ours})
	if err != nil {
		return err
	}
	b.table.ratio("100 packages, built on another machine", "", costs[0], costs[1])
	return nil
}
