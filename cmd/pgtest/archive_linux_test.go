package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// archivedModule has packages of all kinds.
var archivedModule = map[string]string{
	"pass/pass.go": "package pass\n\nfunc Max(a, b int) int {\n\tif a > b {\n\t\treturn a\n\t}\n\treturn b\n}\n",
	"pass/pass_test.go": `package pass

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	println("before")
	status := m.Run()
	print("after")
	os.Exit(status)
}

func TestMax(t *testing.T) {
	t.Run("sub test", func(t *testing.T) {
		t.Log("said\n\x1b[31m red \x16=== RUN   Fake")
		if Max(1, 2) != 2 {
			t.Error("wrong")
		}
	})
	fmt.Println("--- PASS: TestFake (0.00s)\nPASS\nno newline \xff\xe2\x82 é <&>")
	fmt.Print("at the end")
}

func TestLong(t *testing.T) { fmt.Println(string(make([]byte, 5000))) }

func TestSkip(t *testing.T) { t.Skip("not here") }

func TestParallel(t *testing.T) { t.Parallel() }

func TestPlace(t *testing.T) {
	wd, err := os.Getwd()
	text, readErr := os.ReadFile("testdata/file")
	if err != nil || os.Getenv("PWD") != wd || readErr != nil || string(text) != "text\n" {
		t.Error(wd, os.Getenv("PWD"), err, readErr)
	}
	if _, err := os.Stat("../go.mod"); err != nil {
		t.Error(err)
	}
}

func ExampleMax() {
	fmt.Println(Max(3, 4))
	// Output: 4
}

func FuzzMax(f *testing.F) {
	f.Add(1, 2)
	f.Fuzz(func(t *testing.T, a, b int) { Max(a, b) })
}
`,
	"pass/testdata/file":           "text\n",
	"pass/testdata/fuzz/FuzzMax/x": "go test fuzz v1\nint(3)\nint(4)\n",
	"fail/fail_test.go": `package fail

import (
	"os"
	"testing"
)

func TestFail(t *testing.T) {
	t.Error("first\nsecond")
	t.Run("x", func(t *testing.T) { t.Run("y", func(t *testing.T) { t.Fatal("deep") }) })
}

func TestPrint(t *testing.T) { print("cut") }

func TestFlaky(t *testing.T) {
	if name := os.Getenv("FLAKY"); name != "" && os.Mkdir(name, 0o777) == nil {
		t.Error("the first time")
	}
}
`,
	"panics/panics_test.go": "package panics\n\nimport \"testing\"\n\nfunc TestBefore(t *testing.T) {}\n\nfunc TestPanic(t *testing.T) {\n\tt.Run(\"sub\", func(t *testing.T) { panic(\"oh no\") })\n}\n",
	"exits/exits_test.go":   "package exits\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(m *testing.M) { os.Exit(3) }\n",
	"killed/killed_test.go": "package killed\n\nimport (\n\t\"syscall\"\n\t\"testing\"\n)\n\nfunc TestKilled(t *testing.T) { syscall.Kill(syscall.Getpid(), syscall.SIGKILL); select {} }\n",
	"slow/slow_test.go": `package slow

import (
	"os"
	"testing"
	"time"
)

func TestSlow(t *testing.T) {
	if name := os.Getenv("STARTED"); name != "" {
		os.WriteFile(name, nil, 0o666)
	}
	time.Sleep(time.Hour)
}
`,
	"none/none.go":            "package none\n\nfunc None() int { return 1 }\n",
	"notests/notests_test.go": "package notests\n",
}

// archiveEnv is an environment without Go and its caches.
func archiveEnv(t *testing.T, more ...string) []string {
	t.Helper()
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if name != "PATH" && name != "GOROOT" && name != "GOFLAGS" {
			env = append(env, v)
		}
	}
	return append(env, append([]string{"PATH=" + t.TempDir(), "GOCACHE=/nowhere", "GOMODCACHE=/nowhere", "GOPATH=/nowhere", "GOROOT=/nowhere"}, more...)...)
}

// runIn runs the command in a directory, and returns what it printed. It fails the
// test unless the exit status is the one that is wanted.
func runIn(t *testing.T, dir string, env []string, status int, args ...string) string {
	t.Helper()
	cmd := exec.Command(pgtestPath, args...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != status {
		t.Fatalf("pgtest %q: %v, want status %d\n%s", args, err, status, out)
	}
	return string(out)
}

// TestArchive runs an archive without Go and without the sources.
func TestArchive(t *testing.T) {
	dir, elsewhere := writeModule(t, archivedModule), t.TempDir()
	t.Setenv("HOME", t.TempDir()) // for a history
	file := filepath.Join(elsewhere, "x.tar.zst")
	choose := []string{"-timeout=1s", "-shuffle=off", "--format=none"}
	runIn(t, dir, nil, 1, slices.Concat([]string{"--jsonfile=" + elsewhere + "/go.json", "-coverprofile=" + elsewhere + "/go.out", "-count=1", "-cover", "-coverpkg=./..."}, choose, []string{"./..."})...)
	runIn(t, dir, nil, 0, "tool", "archive", "-o", file, "-n", "2", "-cover", "-coverpkg=./...", "./...")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	env := archiveEnv(t, "TMPDIR="+temp)
	run := func(t *testing.T, status int, args ...string) string {
		t.Helper()
		out := runIn(t, elsewhere, env, status, append([]string{"--archive=" + file}, args...)...)
		if left, err := os.ReadDir(temp); len(left) > 0 || err != nil {
			t.Errorf("left: %v %v", left, err)
		}
		return out
	}
	contains := func(t *testing.T, text string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("no %q in\n%s", part, text)
			}
		}
	}

	// The events are go test's, one by one, and so is the coverage profile.
	t.Run("as go", func(t *testing.T) {
		run(t, 1, append(choose, "--jsonfile=own.json", "-coverprofile=own.out", "--junitfile=x.xml")...)
		want, got := packageEvents(t, elsewhere+"/go.json"), packageEvents(t, elsewhere+"/own.json")
		if len(want) != 8 {
			t.Errorf("%d packages", len(want))
		}
		for pkg := range want {
			if got[pkg] != want[pkg] {
				t.Errorf("%s:\n%s\nwant\n%s", pkg, got[pkg], want[pkg])
			}
		}
		if got, want := sortedLines(t, elsewhere+"/own.out"), sortedLines(t, elsewhere+"/go.out"); got != want {
			t.Errorf("profile:\n%s\nwant\n%s", got, want)
		}
		contains(t, sortedLines(t, elsewhere+"/x.xml"), `value="`+goEnvironment(t, "GOVERSION")["GOVERSION"])
	})
	t.Run("failed", func(t *testing.T) {
		out := run(t, 1, "--failed", "./fail", "./pass")
		contains(t, out, "pgtest: --failed: 1 test is outstanding; more is in 4 packages", "DONE 3 tests, 3 failures")
	})
	t.Run("rerun", func(t *testing.T) {
		env = append(env, "FLAKY="+filepath.Join(t.TempDir(), "flaky"))
		contains(t, run(t, 0, "--rerun-fails", "-run=Flaky", "./fail", "./pass"), "=== FLAKY: example.com/m/fail TestFlaky", "DONE 2 runs, 2 tests, 1 failure, 1 flaky")
	})
	t.Run("isolate", func(t *testing.T) {
		contains(t, run(t, 0, "--isolate=test", "-v", "./pass"), "--- PASS: TestPlace", "ok  \texample.com/m/pass", " tests, 1 skipped in ")
	})
	t.Run("failfast", func(t *testing.T) {
		run(t, 1, "-failfast", "-p=1", "--jsonfile=first.json", "./fail", "./pass")
		if events := packageEvents(t, elsewhere+"/first.json"); len(events) != 1 {
			t.Errorf("%d packages ran", len(events))
		}
	})
	t.Run("shards", func(t *testing.T) {
		run(t, 1, append(choose, "--shard=1/2", "--jsonfile=1.json")...)
		run(t, 1, append(choose, "--shard=2/2", "--jsonfile=2.json")...)
		out := runIn(t, elsewhere, env, 1, "tool", "merge", "--jsonfile=merged.json", "--format=none", "1.json", "2.json")
		merged, whole := packageEvents(t, elsewhere+"/merged.json"), packageEvents(t, elsewhere+"/go.json")
		if len(merged) != len(whole) {
			t.Errorf("%d packages, want %d\n%s", len(merged), len(whole), out)
		}
		contains(t, run(t, 2, "--shard=1/3"), "pgtest: the plan of --archive="+file+": it is for 2 shards, not 3")
	})
	t.Run("refused", func(t *testing.T) {
		for words, want := range map[string]string{
			"-race": "--archive: not with -race", "-vet=off": "--archive: not with -vet", "-c": "--archive: not with -c", "-n": "--archive: not with -n",
			"-tags x": "--archive: not with -tags", "-cover": "--archive: not with -cover", "-fuzz=.": "--archive: not with -fuzz", "-C x": "--archive: not with -C",
			"--watch": "--archive: not with --watch", "--debug-test=X": "--archive: not with --debug-test", "x_test.go": "--archive: not with files",
			"./nowhere": "./nowhere: no package of " + file, "-count=x": `invalid value "x" for flag -count`, "-p=0": "-p=0: must be", "-cpuprofile=x": "cannot use -cpuprofile flag with multiple packages",
			"--raw-command -- x": "--archive: not with --raw-command", "-": "--archive: not with -, which",
		} {
			out := run(t, 2, strings.Fields(words)...)
			if !strings.HasPrefix(out, "pgtest: "+want) || strings.Count(out, "\n") != 1 {
				t.Errorf("%s: %s", words, out)
			}
		}
	})
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			ready, report := filepath.Join(t.TempDir(), "started"), filepath.Join(elsewhere, "interrupted.xml")
			cmd := exec.Command(pgtestPath, "--archive="+file, "--junitfile="+report, "--grace=1ms", "-timeout=0", "-p=1", "./slow", "./pass")
			cmd.Dir, cmd.Env = elsewhere, append(env, "STARTED="+ready)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			until(t, "the test", func() bool { return exists(ready) })
			cmd.Process.Signal(sig)
			cmd.Wait()
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != sig {
				t.Errorf("%v", cmd.ProcessState)
			}
			until(t, "the directory to go", func() bool {
				left, err := os.ReadDir(temp)
				return err == nil && len(left) == 0
			})
			if sig != syscall.SIGKILL {
				text := sortedLines(t, report)
				contains(t, text, `name="TestSlow"`, "</testsuites>", "interrupted")
				if strings.Contains(text, "TestMax") {
					t.Error("a package began after that")
				}
			}
		})
	}
}

// builtModule has tests that say how they were built: a profile for the compiler in
// package main, and a file with a build constraint.
var builtModule = map[string]string{
	"prog/main.go":      "package main\n\nimport \"example.com/m/lib\"\n\nfunc main() { lib.F(1) }\n",
	"prog/default.pgo":  "",
	"prog/main_test.go": strings.Replace(settingsTest, "package lib", "package main", 1),
	"lib/lib.go":        "package lib\n\nfunc F(n int) int {\n\tif n > 0 {\n\t\treturn F(n - 1)\n\t}\n\treturn n\n}\n",
	"lib/lib_test.go":   settingsTest,
	"lib/tag_test.go":   "//go:build special\n\npackage lib\n\nimport \"testing\"\n\nfunc TestTagged(t *testing.T) { F(2) }\n",
}

const settingsTest = `package lib

import (
	"runtime/debug"
	"testing"
)

func TestSettings(t *testing.T) {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		t.Log(s.Key + "=" + s.Value)
	}
}
`

// TestArchiveBuildFlags archives with build flags, and says how the tests were
// built: as a run builds them.
func TestArchiveBuildFlags(t *testing.T) {
	dir, elsewhere := writeModule(t, builtModule), t.TempDir()
	file, goEvents, own := filepath.Join(elsewhere, "x.tar.zst"), filepath.Join(elsewhere, "go.json"), filepath.Join(elsewhere, "own.json")
	env := archiveEnv(t)
	// Go 1.27 does not say with which profile a test was built.
	plain := exec.Command("go", "test", "-v", "-vet=off", "./prog")
	plain.Dir = dir
	said, err := plain.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	namesProfile := bytes.Contains(said, []byte("-pgo="))
	for _, tt := range []struct {
		flags       []string
		want, never []string
	}{
		{
			[]string{"-tags=special", "-cover", "-covermode=count", "-coverpkg=./..."},
			[]string{"-tags=special", "-cover=true", "-pgo=" + filepath.Join(dir, "prog", "default.pgo"), "TestTagged"}, []string{"-race=true"},
		},
		{[]string{"-race", "-pgo=off"}, []string{"-race=true"}, []string{"-pgo=", "-cover=", "TestTagged"}},
		{[]string{"-pgo", filepath.Join(dir, "prog", "default.pgo")}, []string{"-pgo=" + filepath.Join(dir, "prog", "default.pgo")}, []string{"-race=true", "-cover="}},
	} {
		var profile, ownProfile []string
		if slices.Contains(tt.flags, "-cover") {
			profile, ownProfile = []string{"-coverprofile=" + elsewhere + "/go.out"}, []string{"-coverprofile=own.out"}
		}
		runIn(t, dir, nil, 0, slices.Concat([]string{"--jsonfile=" + goEvents, "--format=none", "-count=1", "-vet=off"}, tt.flags, profile, []string{"./..."})...)
		runIn(t, dir, nil, 0, slices.Concat([]string{"tool", "archive", "-o", file, "-vet=off"}, tt.flags, []string{"./..."})...)
		runIn(t, elsewhere, env, 0, append(ownProfile, "--archive="+file, "--jsonfile="+own, "--format=none")...)
		if profile != nil {
			if got, want := sortedLines(t, elsewhere+"/own.out"), sortedLines(t, elsewhere+"/go.out"); got != want || !strings.Contains(got, "mode: count") {
				t.Errorf("profile:\n%s\nwant\n%s", got, want)
			}
		}
		want, got, all := packageEvents(t, goEvents), packageEvents(t, own), ""
		for pkg := range want {
			all += want[pkg]
			if got[pkg] != want[pkg] {
				t.Errorf("%v: %s:\n%s\nwant\n%s", tt.flags, pkg, got[pkg], want[pkg])
			}
		}
		for _, part := range tt.want {
			if !strings.Contains(all, part) && (namesProfile || !strings.HasPrefix(part, "-pgo=")) {
				t.Errorf("%v: no %q in\n%s", tt.flags, part, all)
			}
		}
		for _, part := range tt.never {
			if strings.Contains(all, part) {
				t.Errorf("%v: %q in\n%s", tt.flags, part, all)
			}
		}
	}
}

// packageEvents returns the events of each package, without times, addresses and
// what runs when a test times out.
func packageEvents(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	varies := regexp.MustCompile(`"Time":"[^"]*",|"Elapsed":[^,}]*|\b[0-9.]+s\b|0x[0-9a-f]+[?]?|goroutine [0-9]+`)
	for line := range bytes.Lines(text) {
		var e struct{ Action, Package, Output string }
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(e.Package, "/slow") && e.Action == "output" && !strings.Contains(e.Output, "panic: test timed out") && !strings.HasPrefix(e.Output, "FAIL") {
			continue
		}
		all[e.Package] += varies.ReplaceAllString(string(line), "")
	}
	return all
}

func sortedLines(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(slices.Sorted(strings.Lines(string(text))), "")
}
