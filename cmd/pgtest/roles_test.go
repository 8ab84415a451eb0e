package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgtest/harness/harnesstest"
)

// TestDeps keeps the program from being linked dynamically, which would make each
// start of a role half a millisecond slower, and holds apart what only its tests
// and figures need.
func TestDeps(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "pgtest/cmd/pgtest").Output()
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(strings.Fields(string(out)), "runtime/cgo") && os.Getenv("GOOS") != "darwin" {
		t.Error("a dependency uses cgo")
	}
	if strings.Contains(string(out), "github.com/bradfitz/go-tool-cache") {
		t.Error("go-tool-cache is in the program")
	}
}

// TestToolStartsEarly wants a tool to be passed on to before the program has
// initialized more than what package os needs.
func TestToolStartsEarly(t *testing.T) {
	harnesstest.Need(t, "true")
	tool, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(pgtestPath, "__tool", "--dir="+t.TempDir(), tool)
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "init os @") {
		t.Fatalf("%v: %s", err, out)
	}
	for _, pkg := range []string{"reflect", "unicode", "encoding/json", "regexp", "pgtest/harness/linkcache"} {
		if strings.Contains(string(out), "init "+pkg+" @") {
			t.Errorf("%s was initialized", pkg)
		}
	}
}

// TestInitializesLittle wants packages to make little before main runs: all that
// they make is made anew for each test binary that has a supervisor.
func TestInitializesLittle(t *testing.T) {
	harnesstest.Need(t, "true")
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(pgtestPath, "__exec", program)
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "init main @") {
		t.Fatalf("%v: %s", err, out)
	}
	const most = 6 << 10 // bytes
	for _, m := range regexp.MustCompile(`(?m)^init (main|pgtest/\S+) .* (\d+) bytes`).FindAllStringSubmatch(string(out), -1) {
		if n, err := strconv.Atoi(m[2]); err != nil || n > most {
			t.Errorf("package %s makes %s bytes, more than %d", m[1], m[2], most)
		}
	}
}

// TestSupervisorCannotStart is about test binaries that can't be started: the
// package fails, and says why.
func TestSupervisorCannotStart(t *testing.T) {
	dir := t.TempDir()
	plain, garbage := filepath.Join(dir, "plain"), filepath.Join(dir, "garbage")
	for path, mode := range map[string]os.FileMode{plain: 0o666, garbage: 0o777} {
		if err := os.WriteFile(path, []byte("no program"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ words, want string }{
		{plain, "permission denied"},
		{garbage, "exec format error"},
		{filepath.Join(dir, "none"), "no such file or directory"},
		{"--Via=nosuchprogram -- " + plain, "nosuchprogram"},
		{"", "no test binary"},
		{"--Stress=no " + plain, `invalid boolean value "no"`},
		{"--Other=3 " + plain, "not defined: -Other"},
	} {
		cmd := exec.Command(pgtestPath, append([]string{"__exec"}, strings.Fields(tt.words)...)...)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 1 || !strings.HasPrefix(string(out), "pgtest: ") ||
			!strings.Contains(string(out), tt.want) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%s: %v: %q, want a line with %q", tt.words, cmd.ProcessState, out, tt.want)
		}
	}
}

// TestSupervisorOutOfDescriptors leaves a supervisor just enough descriptors to
// start itself.
func TestSupervisorOutOfDescriptors(t *testing.T) {
	harnesstest.Need(t, "true")
	cmd := exec.Command("sh", "-c", `ulimit -n 4; exec "$0" __exec true`, pgtestPath)
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "can't be started: ") ||
		!strings.Contains(string(out), "too many open files") {
		t.Errorf("%v: %s", cmd.ProcessState, out)
	}
}

// TestSupervisorExits checks that a supervisor exits as its program does.
func TestSupervisorExits(t *testing.T) {
	for _, signal := range []string{"TERM", "KILL", "INT", "QUIT", "SEGV", "ABRT", "HUP", "PIPE"} {
		script := "kill -" + signal + " $$; exit 3" // where the signal is ignored
		plain := exec.Command("sh", "-c", script)
		plain.Run()
		supervised := exec.Command(pgtestPath, "__exec", "sh", "-c", script)
		out, _ := supervised.CombinedOutput()
		want := strings.TrimSuffix(plain.ProcessState.String(), " (core dumped)")
		if got := supervised.ProcessState.String(); got != want {
			t.Errorf("%s: %s, want %s: %s", signal, got, want, out)
		}
	}
	for _, status := range []string{"0", "1", "7"} {
		plain := exec.Command("sh", "-c", "exit "+status)
		plain.Run()
		supervised := exec.Command(pgtestPath, "__exec", "sh", "-c", "exit "+status)
		supervised.Run()
		if got, want := supervised.ProcessState.String(), plain.ProcessState.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestSupervisorKeepsIgnored starts a supervisor as nohup does.
func TestSupervisorKeepsIgnored(t *testing.T) {
	for _, signal := range []string{"HUP", "INT"} {
		cmd := exec.Command("sh", "-c", `trap "" `+signal+`; exec "$0" __exec sh -c 'kill -`+signal+` $$; exit 3'`, pgtestPath)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 3 {
			t.Errorf("%s: %v, want exit status 3: %s", signal, cmd.ProcessState, out)
		}
	}
}

// TestUsage wants what tests use to count for pgtest's own process, as it does
// for go test's: time(1) and CI agents go by that.
func TestUsage(t *testing.T) {
	t.Parallel()
	const least = 300 * time.Millisecond
	dir := writeModule(t, map[string]string{"a/a_test.go": `package a

import (
	"syscall"
	"testing"
)

func TestA(t *testing.T) {
	for {
		var usage syscall.Rusage
		syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
		if usage.Utime.Nano()+usage.Stime.Nano() > ` + strconv.Itoa(int(least)) + ` {
			return
		}
	}
}
`})
	for _, mode := range []string{"package", "test"} {
		run := exec.Command(pgtestPath, "--isolate="+mode, "--link-cache=off", "-count=1", "./a")
		run.Dir = dir
		out, err := run.CombinedOutput()
		if used := run.ProcessState.UserTime() + run.ProcessState.SystemTime(); err != nil || used < least {
			t.Errorf("--isolate=%s: %v, used %v, want %v or more\n%s", mode, err, used, least, out)
		}
	}
}
