package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgtest/harness/harnesstest"
)

// deathTrials is how often TestDeaths kills something; PGTEST_DEATH_TRIALS
// overrides it.
const deathTrials = 12

// TestDeaths kills a part of a run, any one at any time, and waits until
// nothing of the run is left, neither processes nor temporary files.
func TestDeaths(t *testing.T) {
	trials := deathTrials
	if n, err := strconv.Atoi(os.Getenv("PGTEST_DEATH_TRIALS")); err == nil {
		trials = n
	}
	module := writeModule(t, map[string]string{"a/p_test.go": leaky, "b/p_test.go": leaky, "c/p_test.go": leaky})
	// The first run builds; the second tells how long a run takes.
	var length time.Duration
	for range 2 {
		start := time.Now()
		if out, err := exec.Command(pgtestPath, "-C", module, "-count=1", "./...").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		length = time.Since(start)
	}
	// A run goes on without a test binary, but not without itself or go.
	slowest := make(map[string]time.Duration)
	victims := make(map[string]int)
	for i := range trials {
		after := time.Duration(rand.Int64N(int64(length)))
		victim, took := deathTrial(t, module, fmt.Sprint(i), after)
		victims[victim]++
		slowest[victim] = max(slowest[victim], took.Round(time.Millisecond))
	}
	t.Logf("killed %v; the slowest ends took %v", victims, slowest)
}

// deathTrial starts a run and kills one of its processes after a while. It
// returns what it killed and how long the rest took to end.
func deathTrial(t *testing.T, module, name string, after time.Duration) (victim string, took time.Duration) {
	t.Helper()
	tmp, runtimeDir := t.TempDir(), t.TempDir()
	if rand.IntN(2) == 0 {
		// Too long for a socket, which is elsewhere then.
		tmp = filepath.Join(tmp, strings.Repeat("long", 25))
		if err := os.Mkdir(tmp, 0o700); err != nil {
			t.Fatal(err)
		}
		short, err := os.MkdirTemp("/tmp", "run-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(short)
		runtimeDir = short
	}
	mark := harnesstest.Mark(t.Name() + name)
	var out bytes.Buffer
	run := exec.Command(pgtestPath, "-C", module, "-count=1", "./...")
	run.Env = append(os.Environ(), mark, "TMPDIR="+tmp, "XDG_RUNTIME_DIR="+runtimeDir)
	run.Stdout, run.Stderr = &out, &out
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	time.Sleep(after)
	processes := harnesstest.Survivors(mark)
	if len(processes) > 0 {
		p := processes[rand.IntN(len(processes))]
		victim = part(p.Command)
		syscall.Kill(p.PID, syscall.SIGKILL)
	}
	killed := time.Now()
	select {
	case <-ended:
	case <-time.After(patience):
		run.Process.Kill()
		t.Fatalf("%s was killed after %v, and pgtest does not end\n%s", victim, after, out.Bytes())
	}
	awaitGone(t, mark, func() string { return fmt.Sprintf("%s was killed after %v\n%s", victim, after, out.Bytes()) })
	took = time.Since(killed)
	if left := append(filesBelow(tmp), filesBelow(runtimeDir)...); len(left) > 0 {
		t.Errorf("%s was killed after %v; left behind: %v\n%s", victim, after, left, out.Bytes())
	}
	return victim, took
}

// part says which part of a run a command line belongs to.
func part(command string) string {
	words := strings.Fields(command)
	switch {
	case len(words) == 0:
		return "a dying process"
	case len(words) > 1 && strings.HasPrefix(words[1], "__"):
		return "pgtest " + words[1]
	case strings.Contains(words[0], "go-build"):
		return "test"
	}
	return filepath.Base(words[0])
}

// leaky is a package whose test takes a while and has children, in its group and
// out of it.
const leaky = `package p

import (
	"os/exec"
	"syscall"
	"testing"
	"time"
)

func TestBusy(t *testing.T) {
	exec.Command("sleep", "3600").Start()
	daemon := exec.Command("sleep", "3600")
	daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	daemon.Start()
	time.Sleep(300 * time.Millisecond)
}
`
