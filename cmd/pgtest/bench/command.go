package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// command is a command line, where it runs, what is added to its environment, and
// where its output goes.
type command struct {
	dir   string
	words []string
	env   []string
	out   io.Writer // nil drops the output
}

// cost is what a command took: time, and its own peak memory in bytes.
type cost struct {
	wall, cpu time.Duration
	memory    int64
}

// run runs a command. Status 1, that of failed tests, is no error.
func (c command) run() (cost, error) {
	cmd := exec.Command(c.words[0], c.words[1:]...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	cmd.Stdout = c.out
	errors := &tail{}
	cmd.Stderr = errors
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil && !testsFailed(err) {
		return cost{}, fmt.Errorf("%q: %w: %s", c.words, err, errors.text)
	}
	return cost{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peak(cmd.ProcessState)}, nil
}

func testsFailed(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == 1
}

// tail keeps the last kilobyte of what is written to it.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-1024):]
	return len(p), nil
}

// peak is the peak resident memory in bytes. Linux and the BSDs count in kilobytes.
func peak(state *os.ProcessState) int64 {
	used := int64(state.SysUsage().(*syscall.Rusage).Maxrss)
	if runtime.GOOS == "darwin" {
		return used
	}
	return used << 10
}

// compare runs two commands by turns and returns the medians of their costs.
func compare(rounds int, a, b command) (cost, cost, error) {
	costs, err := compareAll(rounds, []func() command{func() command { return a }, func() command { return b }})
	if err != nil {
		return cost{}, cost{}, err
	}
	return costs[0], costs[1], nil
}

// compareAll runs commands by turns, made anew for each round, and returns the
// medians of their costs. Each round begins with another command, because what one
// leaves to the file system to do costs the next.
func compareAll(rounds int, commands []func() command) ([]cost, error) {
	costs := make([][]cost, len(commands))
	for round := range rounds {
		for turn := range commands {
			i := (round + turn) % len(commands)
			cost, err := commands[i]().run()
			if err != nil {
				return nil, err
			}
			costs[i] = append(costs[i], cost)
		}
	}
	medians := make([]cost, len(commands))
	for i := range medians {
		medians[i] = median(costs[i])
	}
	return medians, nil
}

// median returns the medians of times and the most memory.
func median(costs []cost) cost {
	var wall, cpu []time.Duration
	var memory int64
	for _, c := range costs {
		wall, cpu, memory = append(wall, c.wall), append(cpu, c.cpu), max(memory, c.memory)
	}
	slices.Sort(wall)
	slices.Sort(cpu)
	return cost{wall[len(wall)/2], cpu[len(cpu)/2], memory}
}
