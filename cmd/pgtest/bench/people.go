package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/creack/pty"

	"pgtest/jsonstream/genstream"
)

// history measures what it costs to keep the events of a chatty run: the CPU time
// that pgtest takes to read them with a history beyond that without one, added to
// what go test takes to make them. Runs of the tests themselves differ by more.
func (b *bench) history() error {
	files := map[string]string{}
	for i := range 8 {
		name := fmt.Sprintf("p%d", i)
		files[name+"/p_test.go"] = "package " + name + `

import (
	"fmt"
	"testing"
)

func TestAll(t *testing.T) {
	for i := range 250 {
		t.Run(fmt.Sprintf("Case%03d", i), func(t *testing.T) {
			for n := range 100 {
				t.Logf("value %d of case %d is %q", n, i, "as it should be")
			}
		})
	}
}
`
	}
	dir, err := b.module("history", files)
	if err != nil {
		return err
	}
	stream := filepath.Join(b.dir, "history.json")
	var costs []cost
	for range 1 + min(b.rounds, 5) {
		events, err := os.Create(stream)
		if err != nil {
			return err
		}
		cost, err := command{dir: dir, words: []string{"go", "test", "-json", "-count=1", "./..."}, out: events}.run()
		events.Close()
		if err != nil {
			return err
		}
		costs = append(costs, cost)
	}
	reading := func(history string) command {
		c := b.reading(b.pgtest, "pkgname", false, stream)
		c.env = append(c.env, "PGTEST_HISTORY="+history)
		return c
	}
	without, with, err := compare(4*b.rounds, reading("off"), reading("auto"))
	if err != nil {
		return err
	}
	made := median(costs[1:]).cpu // the first one links
	b.table.row("a chatty run and its history", "a history, of CPU time", made, made+with.cpu-without.cpu, 0, false)
	return nil
}

// live measures what the lines on a terminal cost in CPU time, of the time that
// the run takes. For a command of its own pgtest lists no packages.
func (b *bench) live() error {
	dir, err := b.module("live", map[string]string{"live_test.go": `package live

import (
	"fmt"
	"testing"
	"time"
)

func TestAll(t *testing.T) {
	for i := range 8 {
		t.Run(fmt.Sprintf("Case%d", i), func(t *testing.T) {
			t.Parallel()
			for n := range 1000 {
				fmt.Printf("line %d of case %d\n", n, i)
				time.Sleep(4 * time.Millisecond)
			}
		})
	}
}
`})
	if err != nil {
		return err
	}
	var with, without []cost
	for range b.rounds {
		for progress, costs := range map[string]*[]cost{"auto": &with, "off": &without} {
			c := command{dir: dir, words: []string{b.pgtest, "--format=standard-verbose", "--progress=" + progress, "--raw-command", "--", "go", "test", "-json", "-count=1", "-parallel=8", "."}, env: []string{"TERM=xterm-256color"}}
			cost, err := c.onTerminal()
			if err != nil {
				return err
			}
			*costs = append(*costs, cost)
		}
	}
	theirs, ours := median(without), median(with)
	b.table.row("live lines over a chatty test", "live lines, of CPU time", theirs.wall, theirs.wall+ours.cpu-theirs.cpu, 0, false)
	return nil
}

// onTerminal runs a command on a terminal of its own.
func (c command) onTerminal() (cost, error) {
	cmd := exec.Command(c.words[0], c.words[1:]...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	start := time.Now()
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		return cost{}, err
	}
	defer terminal.Close()
	if _, err := io.Copy(io.Discard, terminal); err != nil && !errors.Is(err, syscall.EIO) { // its last process is gone
		return cost{}, err
	}
	err = cmd.Wait()
	return cost{time.Since(start), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peak(cmd.ProcessState)}, err
}

// timeline measures the memory that it takes to tell when a million events were:
// it grows with the tests alone.
func (b *bench) timeline() error {
	stream := filepath.Join(b.dir, "timeline.json")
	many := genstream.Options{Packages: 100, Tests: 100, Lines: 96, Running: 4}
	if err := writeStream(stream, func(w io.Writer) error { return genstream.Write(w, many) }); err != nil {
		return err
	}
	defer os.Remove(stream)
	reading := b.reading(b.pgtest, "pkgname", false, stream)
	timed := b.reading(b.pgtest, "pkgname", false, stream)
	timed.words = append([]string{timed.words[0], "--timeline=" + filepath.Join(b.dir, "timeline.out")}, timed.words[1:]...)
	peer, ours, err := compare(b.rounds, reading, timed)
	if err != nil {
		return err
	}
	b.table.ratio("a million events and their timeline", "a timeline", peer, ours)
	return nil
}

var opened = regexp.MustCompile(`20000 tests of which (\d+) failed, .* opened in (\d+) ms`)

// page measures how long Chromium takes to open pages about 20,000 tests.
func (b *bench) page() error {
	out, err := exec.Command("go", "test", "-count=1", "-v", "-run=TestPage/large", "./jsonstream/report").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	all := opened.FindAllStringSubmatch(string(out), -1)
	if len(all) == 0 {
		return fmt.Errorf("no page was opened: %s", out)
	}
	for _, m := range all {
		ms, _ := strconv.Atoi(m[2])
		b.table.row(fmt.Sprintf("a page with 20000 tests, %s failed", m[1]), "a large page", 0, time.Duration(ms)*time.Millisecond, 0, true)
	}
	return nil
}
