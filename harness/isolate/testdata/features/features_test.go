package features

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgtest/harness/isolate"
)

var word = flag.String("word", "", "a flag of the test's own")

var ready bool

func TestMain(m *testing.M) {
	flag.Parse()
	ready = true
	m.Run()
	if os.Getenv("TEARDOWN") == fmt.Sprint(syscall.Getpgrp() == os.Getpid()) {
		fmt.Println("bad teardown")
		os.Exit(1)
	}
}

func TestCover(t *testing.T) {
	if Sign(1) != "+" {
		t.Error("Sign(1)")
	}
	t.Run("inner", func(t *testing.T) {
		isolate.Run(t, func(t *testing.T) {
			if Sign(-1) != "-" {
				t.Error("Sign(-1)")
			}
		})
	})
}

func TestCoverExit(t *testing.T) {
	if r := isolate.Try(t, func(t *testing.T) { Sign(0); os.Exit(7) }); r.ExitCode != 7 {
		t.Errorf("exit code %d, want 7", r.ExitCode)
	}
}

func TestLeader(t *testing.T) {
	isolate.Run(t, func(t *testing.T) {
		if !ready {
			t.Error("TestMain did not run")
		}
		if syscall.Getpgrp() != os.Getpid() {
			t.Errorf("group %d of process %d", syscall.Getpgrp(), os.Getpid())
		}
		t.Logf("word %q, short %v, verbose %v", *word, testing.Short(), testing.Verbose())
		fmt.Println("verbose is", testing.Verbose())
	})
}

var runs int

func TestCount(t *testing.T) {
	isolate.Run(t, func(t *testing.T) {
		runs++
		t.Log("run", runs)
	})
}

// TestFailfast's second subtest must not run with -failfast.
func TestFailfast(t *testing.T) {
	if os.Getenv("FAILFAST") == "" {
		t.Skip("fails on purpose")
	}
	for _, name := range []string{"a", "b"} {
		t.Run(name, func(t *testing.T) {
			isolate.Run(t, func(t *testing.T) { t.Error("fails") })
		})
	}
}

// TestFile reads a file that another process changes: its result must not be cached then.
func TestFile(t *testing.T) {
	isolate.Run(t, func(t *testing.T) {
		name := os.Getenv("FILE")
		if name == "" {
			t.Skip("no file")
		}
		t.Chdir("..")
		data, err := os.ReadFile(name)
		t.Logf("%s, %v", data, err)
	})
}

func TestRace(t *testing.T) {
	if os.Getenv("RACE") == "" {
		t.Skip("races on purpose")
	}
	isolate.Run(t, func(t *testing.T) {
		n := 0
		var wg sync.WaitGroup
		for range 2 {
			wg.Add(1)
			go func() { defer wg.Done(); n++ }()
		}
		wg.Wait()
	})
}

// TestLeftover leaves processes behind: one in its group, and one that holds standard output.
func TestLeftover(t *testing.T) {
	if os.Getenv("LEFTOVER") == "" {
		t.Skip("leaves processes behind")
	}
	isolate.Run(t, func(t *testing.T) {
		for _, trap := range []string{"", "trap '' TERM;"} {
			cmd := exec.Command("sh", "-c", trap+"echo started $$; while :; do sleep 1; done")
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var pid int
			if _, err := fmt.Fscanf(out, "started %d\n", &pid); err != nil {
				t.Fatal(err)
			}
			t.Logf("left %d", pid)
		}
	})
}

// TestTwice makes several calls, the later of which depend on the result of the first.
func TestTwice(t *testing.T) {
	r := isolate.Try(t, func(t *testing.T) {
		note(t, "first")
		os.Exit(4)
	})
	if r.ExitCode != 4 {
		t.Fatalf("exit code %d, want 4", r.ExitCode)
	}
	isolate.Run(t, func(t *testing.T) { note(t, "second") })
	t.Run("sub", func(t *testing.T) {
		isolate.Run(t, func(t *testing.T) { note(t, "third") })
	})
	isolate.Run(t, func(t *testing.T) {
		note(t, "fourth")
		isolate.Run(t, func(t *testing.T) { note(t, "fifth") })
	})
}

// note logs that a function runs, and appends it to a file.
func note(t *testing.T, what string) {
	t.Helper()
	t.Log(what)
	name := os.Getenv("RUNS")
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(f, what)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOrphan kills its parent.
func TestOrphan(t *testing.T) {
	name := os.Getenv("PIDFILE")
	if name == "" {
		t.Skip("kills the test binary")
	}
	isolate.Run(t, func(t *testing.T) {
		if err := os.WriteFile(name, fmt.Append(nil, os.Getpid()), 0o666); err != nil {
			t.Fatal(err)
		}
		syscall.Kill(os.Getppid(), syscall.SIGKILL)
		time.Sleep(10 * time.Minute)
	})
}

func TestParallelSetenv(t *testing.T) {
	for _, name := range []string{"a", "b"} {
		t.Run(name, func(t *testing.T) {
			isolate.Parallel(t)
			isolate.Run(t, func(t *testing.T) { t.Setenv("NAME", name) })
		})
	}
}

func TestUnreached(t *testing.T) {
	if os.Getenv("UNREACHED") == "" {
		t.Skip("fails on purpose")
	}
	if syscall.Getpgrp() == os.Getpid() && os.Getppid() != 1 {
		t.Skip("this is the child")
	}
	isolate.Run(t, func(t *testing.T) {})
}

func TestArtifacts(t *testing.T) {
	isolate.Run(t, func(t *testing.T) {
		d, ok := any(t).(interface{ ArtifactDir() string })
		if !ok {
			t.Skip("no artifacts before Go 1.26")
		}
		if err := os.WriteFile(d.ArtifactDir()+"/file", []byte("text"), 0o666); err != nil {
			t.Error(err)
		}
	})
}

func FuzzSeed(f *testing.F) {
	f.Add(1)
	f.Add(2)
	f.Fuzz(func(t *testing.T, n int) {
		isolate.Run(t, func(t *testing.T) { t.Log("seed", n) })
	})
}
