package main

import (
	"fmt"
	"os"
)

// reruns compares runs of 20 tests in 10 packages, each of which fails at first
// and passes when it runs again.
func (b *bench) reruns() error {
	files := map[string]string{}
	for i := range 10 {
		name := fmt.Sprintf("p%02d", i)
		files[name+"/p_test.go"] = "package " + name + `

import (
	"os"
	"path/filepath"
	"testing"
)

func again(t *testing.T) {
	f, err := os.OpenFile(filepath.Join(os.Getenv("RERUNS"), "` + name + `"+t.Name()), os.O_CREATE|os.O_EXCL, 0o666)
	if err == nil {
		f.Close()
		t.Error("the first time")
	}
}

func TestA(t *testing.T) { again(t) }
func TestB(t *testing.T) { again(t) }
func TestC(t *testing.T) {}
`
	}
	dir, err := b.module("reruns", files)
	if err != nil {
		return err
	}
	gotestsum, err := b.gotestsum()
	if err != nil {
		return err
	}
	run := func(program, packages string) func() command {
		return func() command {
			counts, _ := os.MkdirTemp(b.dir, "counts-") // no test passes without
			words := []string{program, "--rerun-fails", "--rerun-fails-max-failures=20", packages}
			return command{dir: dir, words: words, env: []string{"RERUNS=" + counts}}
		}
	}
	both := []func() command{run(gotestsum, "--packages=./..."), run(b.pgtest, "./...")}
	for _, fill := range both { // the caches
		if _, err := fill().run(); err != nil {
			return err
		}
	}
	costs, err := compareAll(min(b.rounds, 5), both)
	if err != nil {
		return err
	}
	b.table.ratio("20 tests that pass when they run again", "", costs[0], costs[1])
	return nil
}
