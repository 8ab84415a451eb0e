package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// watch compares the time from a saved test file of net/http to the result: of go
// test, started at that moment, and of a watch that waits. Neither runs a test. The
// package is a copy, in a Go distribution that otherwise consists of links.
func (b *bench) watch() error {
	root := filepath.Join(b.dir, "goroot")
	pkg := filepath.Join(root, "src", "net", "http")
	if err := linkedGoroot(root, pkg); err != nil {
		return err
	}
	file := filepath.Join(pkg, "request_test.go")
	source, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	save := func() error {
		probe := fmt.Appendf(nil, "\nfunc init() { os.Getenv(\"%d\") }\n", time.Now().UnixNano())
		return os.WriteFile(file, append(source[:len(source):len(source)], probe...), 0o666)
	}
	run := func(words ...string) command {
		return command{dir: pkg, words: append(words, "-run=^TestNone$", "net/http"), env: []string{"GOROOT=" + root}}
	}
	var theirs, ours []cost
	for round := range b.rounds + 1 {
		took, err := watchOnce(run(b.pgtest, "--watch"), save)
		if err != nil {
			return err
		}
		if err := save(); err != nil {
			return err
		}
		cost, err := run("go", "test").run()
		if err != nil {
			return err
		}
		if round > 0 { // the first fills the caches
			theirs, ours = append(theirs, cost), append(ours, took)
		}
	}
	b.table.ratio("from a saved test file to the result", "", median(theirs), median(ours))
	return nil
}

// watchOnce starts a watch, saves a file once it waits for one, and returns the
// time from there to the result.
func watchOnce(c command, save func() error) (cost, error) {
	cmd := exec.Command(c.words[0], c.words[1:]...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return cost{}, err
	}
	if err := cmd.Start(); err != nil {
		return cost{}, err
	}
	defer cmd.Wait()
	defer cmd.Process.Signal(syscall.SIGTERM)
	var saved time.Time
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "Watching"):
			saved = time.Now()
			if err := save(); err != nil {
				return cost{}, err
			}
		case strings.HasPrefix(line, "DONE"):
			return cost{wall: time.Since(saved)}, nil
		}
	}
	return cost{}, fmt.Errorf("%q ended before it had a result", c.words)
}

// linkedGoroot makes a Go distribution in root of links to the present one, with
// a copy of pkg, which lies two levels below root's src.
func linkedGoroot(root, pkg string) error {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	from := strings.TrimSpace(string(out))
	src := filepath.Join(root, "src")
	own := []string{src, filepath.Dir(pkg), pkg}
	for i, dir := range append([]string{root}, own[:2]...) {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, dir)
		entries, err := os.ReadDir(filepath.Join(from, rel))
		if err != nil {
			return err
		}
		for _, e := range entries {
			if path := filepath.Join(dir, e.Name()); path != own[i] {
				if err := os.Symlink(filepath.Join(from, rel, e.Name()), path); err != nil {
					return err
				}
			}
		}
	}
	rel, _ := filepath.Rel(root, pkg)
	return os.CopyFS(pkg, os.DirFS(filepath.Join(from, rel)))
}
