//go:build unix

package pertest_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgtest/harness"
)

// inListing begins a TestMain with what it does only while the tests are
// listed.
const inListing = `func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.list").Value.String() != "" {
`

// TestListingInterrupted ends the run while the tests are listed: no test runs,
// also if the listing comes to its end.
func TestListingInterrupted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, main, want string }{
		{"dies", inListing + `
			fmt.Println("slow setup")
			ran("listing")
			time.Sleep(time.Hour)
		}
		os.Exit(m.Run()) }`, "slow setup"},
		{"goes on", inListing + `
			c := make(chan os.Signal, 1)
			signal.Notify(c, syscall.SIGTERM)
			ran("listing")
			<-c
		}
		os.Exit(m.Run()) }`, ""},
		{"cleans up", inListing + `
			c := make(chan os.Signal, 1)
			signal.Notify(c, syscall.SIGTERM)
			ran("listing")
			<-c
			fmt.Println("cleaned up")
			os.Exit(0)
		}
		os.Exit(m.Run()) }`, "cleaned up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := writeModule(t, map[string]string{"m_test.go": hostileImports + tt.main + hostileTests})
			name := filepath.Join(t.TempDir(), "ran")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				awaitFiles(ctx, filepath.Dir(name), 1)
				cancel()
			}()
			o, err := runIsolated(ctx, harness.Config{Dir: dir, Grace: time.Minute}, []string{"RAN=" + name}, new(lockedBuffer), "-count=1", ".")
			if err != nil {
				t.Fatal(err)
			}
			if data, _ := os.ReadFile(name); string(data) != "listing\n" || !o.result.Interrupted {
				t.Errorf("ran: %q, interrupted: %v", data, o.result.Interrupted)
			}
			if !strings.Contains(o.events, tt.want) || strings.Contains(o.events, "goroutine ") {
				t.Errorf("%q is not in the output, or more than that:\n%s", tt.want, o.events)
			}
		})
	}
}

// TestMainHangs wants a TestMain that hangs to be shown when its time is up,
// and before the go command ends the test.
func TestMainHangs(t *testing.T) {
	t.Parallel()
	const hang = `fmt.Println("setup"); time.Sleep(time.Hour) } ; os.Exit(m.Run()) }`
	const elsewhere = `func TestMain(m *testing.M) { flag.Parse(); if flag.Lookup("test.list").Value.String() == "" {`
	for _, tt := range []struct {
		name, main, arg, want string
		limit                 time.Duration
	}{
		{"listing", inListing + hang, "-timeout=2s", "the tests can't be listed: timed out: -timeout is 2s", 0},
		{"listing, test-timeout", inListing + hang, "-timeout=10m", "the tests can't be listed: timed out: --test-timeout is 2s", 2 * time.Second},
		{"test", elsewhere + hang, "-timeout=6s", "TestA did not begin: timed out: -timeout is 6s", 0},
		{"test, test-timeout", elsewhere + hang, "-timeout=10m", "TestA did not begin: timed out: --test-timeout is 2s", 2 * time.Second},
		{"listing that ignores SIGQUIT", inListing + `signal.Ignore(syscall.SIGQUIT);` + hang, "-timeout=10m", "the tests can't be listed: timed out: --test-timeout is 2s", 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := writeModule(t, map[string]string{"m_test.go": hostileImports + tt.main + hostileTests})
			ran := filepath.Join(t.TempDir(), "ran")
			o := isolated(t, harness.Config{Dir: dir, TestTimeout: tt.limit}, []string{"RAN=" + ran}, "-count=1", tt.arg, ".")
			if o.status != 1 || !strings.Contains(o.events, tt.want) || !strings.Contains(o.events, `"setup\n"`) {
				t.Errorf("status %d, %q is not said:\n%s", o.status, tt.want, o.events)
			}
			if !strings.Contains(tt.main, "Ignore") && !strings.Contains(o.events, "m.TestMain(") {
				t.Errorf("no goroutines:\n%s", o.events)
			}
			if strings.Contains(o.events, "Test killed") {
				t.Errorf("ended by the go command:\n%s", o.events)
			}
			if _, err := os.Stat(ran); err == nil {
				t.Error("a test ran")
			}
		})
	}
}

// TestRestStarts wants the process for what is not listed to start beside the
// first test where there is room, and else at the end.
func TestRestStarts(t *testing.T) {
	t.Parallel()
	dir := writeModule(t, map[string]string{"m_test.go": hostileImports + `func TestMain(m *testing.M) {
		flag.Parse()
		if flag.Lookup("test.skip").Value.String() != "" { ran("rest") }
		os.Exit(m.Run())
	}

	func TestWaitsA(t *testing.T) { wait(t) }
	func TestWaitsB(t *testing.T) { wait(t) }

	func wait(t *testing.T) {
		defer ran(t.Name())
		for end := time.Now().Add(20 * time.Second); os.Getenv("WAIT") != ""; time.Sleep(time.Millisecond) {
			data, _ := os.ReadFile(os.Getenv("RAN"))
			if strings.Contains(string(data), "rest\n") { return }
			if time.Now().After(end) { t.Fatal("no other process") }
		}
	}
	` + hostileTests})
	b := buildTests(t, dir, ".")
	for _, env := range [][]string{{"GOMAXPROCS=2", "WAIT=1"}, {"GOMAXPROCS=1"}} {
		name := filepath.Join(t.TempDir(), "ran")
		o := direct(t, b, append(env, "RAN="+name), "-test.run=TestWaits")
		data, _ := os.ReadFile(name)
		last := strings.HasSuffix(string(data), "rest\n")
		if o.status != 0 || strings.Count(string(data), "rest\n") != 1 || last == (len(env) > 1) {
			t.Errorf("%q: status %d, ran:\n%s\nevents:\n%s", env, o.status, data, o.events)
		}
	}
}

// TestRestFailfast wants -failfast to hold for tests that are not listed,
// though they run last. Examples run in any case, as with go test.
func TestRestFailfast(t *testing.T) {
	t.Parallel()
	dir := writeModule(t, map[string]string{"m_test.go": hostileImports + inListing + `
		flag.Set("test.list", "Listed")
	}
	os.Exit(m.Run()) }

	func TestListed(t *testing.T) { fails(t) }
	func TestNotOnIt(t *testing.T) { fails(t) }
	func TestNotOnItToo(t *testing.T) { fails(t) }
	func FuzzNotOnIt(f *testing.F) { ran(f.Name()) }
	func ExampleNotOnIt() { ran("ExampleNotOnIt"); fmt.Println(1)
		// Output: 1
	}

	func fails(t *testing.T) {
		ran(t.Name())
		if os.Getenv("FAILS") == t.Name() { t.Fail() }
	}
	` + hostileTests})
	b := buildTests(t, dir, ".")
	for _, fails := range []string{"none", "TestListed", "TestNotOnIt", "TestNotOnItToo"} {
		for _, procs := range []string{"1", "4"} {
			sameOnce(t, b, []string{"FAILS=" + fails, "GOMAXPROCS=" + procs}, "-test.failfast", "-test.run=OnIt|Listed")
		}
	}
}

// TestListingLeaks lets TestMain leave a process that holds the output.
func TestListingLeaks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, attr string
	}{{"in the group", ""}, {"in a session of its own", "c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}"}} {
		for _, policy := range []harness.LeakPolicy{harness.WarnLeaks, harness.FailLeaks} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				main := inListing + `
					c := exec.Command("sleep", "1000")
					c.Stdout, c.Stderr = os.Stdout, os.Stderr
					` + tt.attr + `
					if err := c.Start(); err != nil { panic(err) }
				}
				os.Exit(m.Run()) }`
				dir := writeModule(t, map[string]string{"m_test.go": hostileImports + main + hostileTests})
				name := filepath.Join(t.TempDir(), "ran")
				o := isolated(t, harness.Config{Dir: dir, Leaks: policy}, []string{"RAN=" + name}, "-count=1", "-run=A", ".")
				if (o.status != 0) != (policy == harness.FailLeaks) || strings.Count(o.events, `"Action":"pass","Package":"example.com/m","Test":"TestA"`) != 1 {
					t.Errorf("policy %v: status %d:\n%s", policy, o.status, o.events)
				}
				if len(o.result.Processes) != 1 || len(o.result.Processes[0].Leaks) != 1 || o.result.Processes[0].Leaks[0].Command != "sleep 1000" {
					t.Errorf("leaks: %+v", o.result.Processes)
				}
			})
		}
	}
}

// TestUndividedIsSaid wants one line for what can't be divided, however many
// packages there are.
func TestUndividedIsSaid(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-bench=None"}, "pgtest: --isolate=test: -bench needs one process for all tests of a package\n"},
		{[]string{"-blockprofile=" + os.DevNull, "./flags"}, "pgtest: --isolate=test: -blockprofile needs one process for all tests of a package\n"},
		{[]string{"-list=Meet"}, ""},
		{[]string{"-run=Last"}, ""},
	} {
		args := append([]string{"-count=1", "-run=Last|Other"}, tt.args...)
		if !strings.HasPrefix(args[len(args)-1], "./") {
			args = append(args, "./...")
		} else {
			args = append(args, "-o="+filepath.Join(t.TempDir(), "a.test"))
		}
		if o := isolated(t, harness.Config{}, nil, args...); o.status != 0 || o.stderr != tt.want {
			t.Errorf("%q: status %d, standard error:\n%s\nwant:\n%s\nevents:\n%s", args, o.status, o.stderr, tt.want, o.events)
		}
	}
}

// TestEndings wants what TestMain prints at its end once, though each process
// covers something else.
func TestEndings(t *testing.T) {
	t.Parallel()
	const main = `package m

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	fmt.Printf("coverage: %.1f%% before\n", 100*testing.Coverage())
	c := m.Run()
	fmt.Println("done")
	fmt.Printf("coverage: %.1f%% of all\n", 100*testing.Coverage())
	fmt.Println("good bye")
	os.Exit(c)
}

func TestA(t *testing.T) { F(1) }
func TestB(t *testing.T) { F(2) }
func TestC(t *testing.T) { F(3) }
`
	dir := writeModule(t, map[string]string{
		"m_test.go": main,
		"m.go":      "package m\n\nfunc F(n int) int {\n\tswitch n {\n\tcase 1:\n\t\treturn 4\n\tcase 2:\n\t\treturn 5\n\t}\n\treturn 0\n}\n",
	})
	for _, args := range [][]string{{"-cover"}, {}, {"-coverprofile=" + filepath.Join(t.TempDir(), "profile")}} {
		o := isolated(t, harness.Config{Dir: dir}, nil, append([]string{"-count=1", "."}, args...)...)
		want := plainIn(t, dir, nil, append([]string{"-count=1", "."}, args...)...)
		for _, line := range []string{`"coverage: 0.0% before\n"`, `"done\n"`, `% of all\n"`, `"good bye\n"`, `"PASS\n"`, `% of statements\n"`} {
			if got, want := strings.Count(o.events, line), strings.Count(want.events, line); got != want {
				t.Errorf("%q: %s is there %d times, want %d:\n%s", args, line, got, want, o.events)
			}
		}
	}
}
