//go:build unix

package isolate_test

import (
	"log"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgtest/harness/isolate"
)

// TestExamples runs the tests that the examples show.
func TestExamples(t *testing.T) {
	for name, example := range map[string]func(){
		"globals":     ExampleRun_globals,
		"environment": ExampleRun_environment,
		"signals":     ExampleRun_signals,
		"exit":        ExampleTry_exit,
		"crash":       ExampleTry_crash,
	} {
		t.Run(name, func(t *testing.T) {
			show = func(test func(t *testing.T)) { test(t) }
			example()
		})
	}
}

// show stands for go test, which finds the tests by their names.
var show func(test func(t *testing.T))

// A test may change globals, of its own package and of others, without putting
// anything back.
func ExampleRun_globals() {
	TestNoRedirects := func(t *testing.T) {
		isolate.Run(t, func(t *testing.T) {
			http.DefaultClient.Timeout = time.Millisecond
			log.SetFlags(0)
			debug.SetGCPercent(-1)
		})
		if http.DefaultClient.Timeout != 0 {
			t.Error("the default client has changed")
		}
	}
	show(TestNoRedirects)
}

// t.Setenv can't be used in parallel tests: the environment is the whole
// process's. Isolated tests have a process each.
func ExampleRun_environment() {
	TestZones := func(t *testing.T) {
		for _, zone := range []string{"UTC", "Asia/Tokyo"} {
			t.Run(zone, func(t *testing.T) {
				isolate.Parallel(t) // instead of t.Parallel
				isolate.Run(t, func(t *testing.T) {
					t.Setenv("TZ", zone)
					t.Chdir(t.TempDir())
					if got := os.Getenv("TZ"); got != zone {
						t.Errorf("TZ=%s, want %s", got, zone)
					}
				})
			})
		}
	}
	show(TestZones)
}

// A test may signal its process group: it is the only one in it. In a test that
// isn't isolated, kill(0) ends go test too.
func ExampleRun_signals() {
	TestReload := func(t *testing.T) {
		isolate.Run(t, func(t *testing.T) {
			reload := make(chan os.Signal, 1)
			signal.Notify(reload, syscall.SIGHUP)
			if err := syscall.Kill(0, syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			<-reload
		})
	}
	show(TestReload)
}

// Try tells how a process ended: here a program's main that calls os.Exit.
func ExampleTry_exit() {
	main := func() {
		log.SetFlags(0)
		log.Fatal("usage: frob file")
	}
	TestUsage := func(t *testing.T) {
		r := isolate.Try(t, func(t *testing.T) { main() })
		if r.ExitCode != 1 || !strings.Contains(r.Output, "usage: frob") {
			t.Errorf("exit status %d, output:\n%s", r.ExitCode, r.Output)
		}
	}
	show(TestUsage)
}

// Try also survives what no recover can catch: a write to a nil map in another
// goroutine, a runtime's fatal error, a signal.
func ExampleTry_crash() {
	TestDoubleClose := func(t *testing.T) {
		r := isolate.Try(t, func(t *testing.T) {
			done := make(chan struct{})
			close(done)
			go close(done)
			select {}
		})
		if !strings.Contains(r.Output, "panic: close of closed channel") {
			t.Errorf("no panic, but exit status %d:\n%s", r.ExitCode, r.Output)
		}
	}
	TestAbort := func(t *testing.T) {
		r := isolate.Try(t, func(t *testing.T) {
			syscall.Kill(os.Getpid(), syscall.SIGABRT)
			select {}
		})
		if r.Signal != syscall.SIGABRT {
			t.Errorf("signal %v, output:\n%s", r.Signal, r.Output)
		}
	}
	show(TestDoubleClose)
	show(TestAbort)
}
