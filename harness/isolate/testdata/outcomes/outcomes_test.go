// Package outcomes holds every way in which a test can end: isolated, or not when PLAIN is set.
package outcomes

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgtest/harness/isolate"
)

func run(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if os.Getenv("PLAIN") != "" {
		f(t)
		return
	}
	isolate.Run(t, f)
}

func TestPass(t *testing.T) {
	run(t, func(t *testing.T) {
		t.Log("a log line\nof two lines")
		fmt.Println("printed")
		t.Log("logged after it")
		fmt.Fprintln(t.Output(), "by Output")
		fmt.Fprintln(os.Stderr, "to standard error")
		fmt.Println("{\n    \"printed\": \"JSON\"\n}")
	})
}

func TestError(t *testing.T) {
	run(t, func(t *testing.T) {
		fmt.Println("printed")
		t.Errorf("first %d", 1)
		fmt.Println("printed too")
		t.Error("second")
	})
	t.Log("after")
}

// TestControl logs what package testing could take for its own marks.
func TestControl(t *testing.T) {
	run(t, func(t *testing.T) {
		t.Log("\x1b[31mred\x1b[0m \x1b\x1b")
		t.Error("\x1b[31mred\x1b[0m\n\x1b")
		fmt.Fprintln(t.Output(), "\x1b[31mred\x1b[0m")
		t.Error("")
	})
}

func TestFatal(t *testing.T) {
	run(t, func(t *testing.T) {
		t.Fatal("fatal")
		t.Log("not reached")
	})
	t.Log("not reached")
}

func helper(t *testing.T) {
	t.Helper()
	t.Error("called at")
}

func TestHelper(t *testing.T) {
	run(t, func(t *testing.T) {
		helper(t)
	})
}

func TestSkip(t *testing.T) {
	run(t, func(t *testing.T) {
		t.Skip("a reason")
	})
	t.Log("not reached")
}

func TestErrorThenSkip(t *testing.T) {
	run(t, func(t *testing.T) {
		t.Error("failed")
		t.Skip("and skipped")
	})
}

func TestSubtests(t *testing.T) {
	run(t, func(t *testing.T) {
		for _, name := range []string{"pass", "fail", "skip", "same", "same", "with space", "a/b", "", "#01"} {
			t.Run(name, func(t *testing.T) {
				t.Log("in", t.Name())
				t.Run("deep", func(t *testing.T) {
					t.Log("in", t.Name())
					if name == "fail" {
						t.Error("deep failure")
					}
				})
				if name == "skip" {
					t.Skip("skipped")
				}
			})
		}
		t.Log("after the subtests")
	})
}

func TestTable(t *testing.T) {
	t.Log("around")
	for _, name := range []string{"one", "two", "two", "x=1|2 (a)"} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T) {
				t.Log("in", t.Name())
				if strings.HasSuffix(name, "two") {
					t.Error("fails")
				}
			})
		})
	}
}

func TestAttr(t *testing.T) {
	run(t, func(t *testing.T) {
		t.Attr("key", "a value")
		t.Run("sub", func(t *testing.T) { t.Attr("inner", "of sub") })
	})
}

func TestCleanup(t *testing.T) {
	run(t, func(t *testing.T) {
		t.Cleanup(func() { t.Error("in cleanup") })
		t.Log("in function")
	})
}

func TestState(t *testing.T) {
	run(t, func(t *testing.T) {
		t.Setenv("OUTCOMES", "set")
		dir := t.TempDir()
		t.Chdir(dir)
		if wd, err := os.Getwd(); err != nil || wd != dir {
			t.Errorf("working directory %s, %v, want %s", wd, err, dir)
		}
		if deadline, ok := t.Deadline(); !ok || time.Until(deadline) <= 0 {
			t.Errorf("deadline %v, %v", deadline, ok)
		}
		for _, name := range []string{"_PGTEST_ISOLATED_TEST", "GORACE"} {
			if v, ok := os.LookupEnv(name); ok {
				t.Errorf("%s=%s", name, v)
			}
		}
	})
	if os.Getenv("OUTCOMES") != "" && os.Getenv("PLAIN") == "" {
		t.Error("the environment has changed")
	}
}

func TestNoNewline(t *testing.T) {
	run(t, func(t *testing.T) {
		fmt.Print("no newline")
	})
}

func TestParallel(t *testing.T) {
	for _, name := range []string{"a", "b", "c"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, func(t *testing.T) {
				t.Error("fails in", t.Name())
			})
		})
	}
}

func TestParallelInside(t *testing.T) {
	run(t, func(t *testing.T) {
		for _, name := range []string{"a", "b"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				t.Error("fails in", t.Name())
			})
		}
	})
}

func TestNested(t *testing.T) {
	run(t, func(t *testing.T) {
		t.Log("outer")
		t.Run("sub", func(t *testing.T) {
			t.Log("middle")
			run(t, func(t *testing.T) {
				t.Error("inner")
			})
		})
		t.Log("outer again")
	})
}

// The ends that take the process with them: these run isolated only.

func ends(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if os.Getenv("ENDS") == "" {
		t.Skip("ends the process")
	}
	isolate.Run(t, func(t *testing.T) {
		t.Log("before the end")
		f(t)
	})
	t.Log("not reached")
}

func TestEndPanic(t *testing.T) {
	ends(t, func(t *testing.T) { panic("on purpose") })
}

func TestEndPanicInSubtest(t *testing.T) {
	ends(t, func(t *testing.T) {
		t.Run("sub", func(t *testing.T) { panic("on purpose") })
	})
}

func TestEndPanicElsewhere(t *testing.T) {
	ends(t, func(t *testing.T) {
		go panic("on purpose")
		select {}
	})
}

func TestEndExit(t *testing.T) {
	ends(t, func(t *testing.T) { os.Exit(3) })
}

func TestEndExit0(t *testing.T) {
	ends(t, func(t *testing.T) { os.Exit(0) })
}

func TestEndExitInSubtest(t *testing.T) {
	ends(t, func(t *testing.T) {
		t.Run("sub", func(t *testing.T) { os.Exit(3) })
	})
}

func TestEndGoexit(t *testing.T) {
	ends(t, func(t *testing.T) { runtime.Goexit() })
}

func TestEndKilled(t *testing.T) {
	ends(t, func(t *testing.T) {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	})
}

func TestEndSegv(t *testing.T) {
	ends(t, func(t *testing.T) {
		syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		select {}
	})
}

func TestEndGroup(t *testing.T) {
	ends(t, func(t *testing.T) {
		syscall.Kill(0, syscall.SIGTERM)
		select {}
	})
}

func TestEndNil(t *testing.T) {
	ends(t, func(t *testing.T) {
		var p *int
		*p = 1
	})
}

func TestEndHang(t *testing.T) {
	if os.Getenv("HANG") == "" {
		t.Skip("waits for -timeout")
	}
	ends(t, func(t *testing.T) { select {} })
}
