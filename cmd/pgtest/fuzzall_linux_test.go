package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pgtest/harness/harnesstest"
)

// TestFuzzAllInterrupt ends the first of two targets by a signal.
func TestFuzzAllInterrupt(t *testing.T) {
	t.Parallel()
	dir := writeModule(t, map[string]string{"interrupted_test.go": `package interrupted

import "testing"

func FuzzFirst(f *testing.F) {
	f.Add("x")
	f.Fuzz(func(t *testing.T, s string) {})
}

func FuzzSecond(f *testing.F) {
	f.Add("x")
	f.Fuzz(func(t *testing.T, s string) {})
}
`})
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd, mark, read := startFuzzing(t, dir, "--fuzz-all=1h")
		cmd.Process.Signal(sig)
		err := cmd.Wait()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != sig {
			t.Errorf("%v: %v", sig, err)
		}
		if left := harnesstest.Survivors(mark); len(left) > 0 {
			t.Errorf("%v leaves %v", sig, left)
		}
		if text := read(); !strings.Contains(text, "pgtest: --fuzz-all: 1 target, 0 failed; ") ||
			!strings.Contains(text, "pgtest: --fuzz-all: the run ended before 1 target: FuzzSecond\n") {
			t.Errorf("%v:\n%s", sig, text)
		}
	}
}

// TestFuzzInterrupt ends the fuzzing of one target. The test binary gets the signal
// and none of its workers: one that it found at its end would be a crash to it.
func TestFuzzInterrupt(t *testing.T) {
	t.Parallel()
	dir := writeModule(t, map[string]string{"fuzzed_test.go": `package fuzzed

import (
	"flag"
	"os"
	"os/signal"
	"testing"
)

func FuzzOne(f *testing.F) {
	if flag.Lookup("test.fuzzworker").Value.String() == "true" {
		heard := make(chan os.Signal, 1)
		signal.Notify(heard, os.Interrupt)
		go func() {
			<-heard
			os.WriteFile("heard", nil, 0o666)
		}()
	}
	f.Add("x")
	f.Fuzz(func(t *testing.T, s string) {})
}
`})
	cmd, mark, read := startFuzzing(t, dir, "-fuzz=FuzzOne", "-run=^$", "--format=standard-verbose", ".")
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if _, err := os.Stat(filepath.Join(dir, "testdata")); err == nil || strings.Contains(read(), "crash") {
		t.Errorf("it is a crash:\n%s", read())
	}
	if _, err := os.Stat(filepath.Join(dir, "heard")); err == nil {
		t.Error("a worker got the signal")
	}
	if !strings.Contains(read(), "PASS: FuzzOne") {
		t.Errorf("its end is not its own:\n%s", read())
	}
	if left := harnesstest.Survivors(mark); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}

// startFuzzing starts pgtest in a directory and waits until it fuzzes. read returns what
// it has printed; its processes have the mark. Files that go leaves when a signal ends
// it are the test's.
func startFuzzing(t *testing.T, dir string, words ...string) (cmd *exec.Cmd, mark string, read func() string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "output")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	cmd, mark = exec.Command(pgtestPath, append([]string{"--history=off"}, words...)...), harnesstest.Mark(t.Name()+filepath.Base(filepath.Dir(file)))
	cmd.Env = append(os.Environ(), mark, "TMPDIR="+t.TempDir())
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil { // it is not waited for
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	read = func() string { text, _ := os.ReadFile(file); return string(text) }
	harnesstest.Await(t, "the fuzzing", func() bool { return strings.Contains(read(), "now fuzzing") })
	return cmd, mark, read
}
