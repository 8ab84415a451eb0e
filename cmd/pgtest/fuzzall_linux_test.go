package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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
		file := filepath.Join(t.TempDir(), "output")
		out, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		cmd := exec.Command(pgtestPath, "--fuzz-all=1h", "--history=off")
		mark := harnesstest.Mark("fuzz-" + sig.String())
		// Go leaves what its workers share when SIGTERM ends them.
		cmd.Env = append(os.Environ(), mark, "TMPDIR="+t.TempDir())
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		read := func() string { text, _ := os.ReadFile(file); return string(text) }
		for end := time.Now().Add(2 * time.Minute); !strings.Contains(read(), "now fuzzing"); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				cmd.Process.Kill()
				t.Fatalf("nothing is fuzzed:\n%s", read())
			}
		}
		cmd.Process.Signal(sig)
		err = cmd.Wait()
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
	file := filepath.Join(t.TempDir(), "output")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(pgtestPath, "-fuzz=FuzzOne", "-run=^$", "--format=standard-verbose", "--history=off", ".")
	mark := harnesstest.Mark("fuzz-one")
	cmd.Env = append(os.Environ(), mark)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := func() string { text, _ := os.ReadFile(file); return string(text) }
	for end := time.Now().Add(2 * time.Minute); !strings.Contains(read(), "now fuzzing"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			cmd.Process.Kill()
			t.Fatalf("nothing is fuzzed:\n%s", read())
		}
	}
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
