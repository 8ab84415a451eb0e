package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pgtest/harness/harnesstest"
)

// archive compares a quarter of an archive's packages with go test of the same,
// which compiles all that they need: a machine that has neither compiled nor
// unpacked anything. It also says what making and moving the archive costs.
func (b *bench) archive() error {
	const packages, shards = 40, 4
	var theirs, ours []cost
	for round := range min(b.rounds, 3) {
		module := filepath.Join(b.dir, fmt.Sprintf("archived-%d", round))
		if err := harnesstest.WriteModule(module, coldPackages(packages)); err != nil {
			return err
		}
		file := filepath.Join(module, "tests.tar.zst")
		made, err := command{dir: module, words: []string{b.pgtest, "tool", "archive", "-o", file, "./..."}}.run()
		if err != nil {
			return err
		}
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		if round == 0 {
			fmt.Printf("%-46s %11s %11s %s\n", fmt.Sprintf("an archive of %d packages", packages), "", milliseconds(made.wall), fmt.Sprintf("%.1f MB", float64(info.Size())/1e6))
		}
		touchMemory()
		words := []string{"go", "test"}
		for i := range packages / shards {
			words = append(words, fmt.Sprintf("./p%02d", i*shards))
		}
		cold := []string{"GOCACHE=" + filepath.Join(module, fmt.Sprint("go-build-", time.Now().UnixNano()))}
		c, err := command{dir: module, words: words, env: cold}.run()
		if err != nil {
			return err
		}
		theirs = append(theirs, c)
		touchMemory()
		c, err = command{dir: b.dir, words: []string{b.pgtest, "--archive=" + file, fmt.Sprintf("--shard=1/%d", shards)}}.run()
		if err != nil {
			return err
		}
		ours = append(ours, c)
		if err := os.RemoveAll(module); err != nil {
			return err
		}
	}
	b.table.ratio(fmt.Sprintf("%d packages, a shard of an archive", packages/shards), "a shard of an archive", median(theirs), median(ours))
	return nil
}
