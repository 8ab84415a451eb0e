//go:build unix

// Package pertest is the role of pgtest that runs the tests of one test binary
// in a process each (`pgtest __tests`), several at once, and prints what a
// single process running all of them would have printed. A supervisor starts it
// in place of the test binary. It knows nothing of other packages' tests.
package pertest

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/testproc"
	"pgtest/harness/internal/testtext"
	"pgtest/harness/steady"
)

// stdout is standard output, which the tests' processes may share.
var stdout = steady.Writer(os.Stdout)

// Role is the first argument of a pgtest that runs a package's tests in a
// process each.
const Role = "__tests"

// Options are the role's settings, put on its command line by package words.
type Options struct {
	testproc.Options
	// Alone are tests and subtests of which each gets a process. Without them
	// each root test gets one, for all of its subtests.
	Alone []string
}

// Main runs the role with the words that follow its name: options, the test
// binary, and its arguments. It returns status 0 if all tests passed, else
// another status. If a signal asked it to end, the process dies of that signal.
// If the work can't be divided, as with benchmarks or a profile, Main reports
// that and replaces this process by the test binary.
func Main(args []string) int {
	var opts Options
	rules, rulesErr := control.Overrides()
	return testproc.Main(Role, args, &opts, func(command []string, client *control.Client, caught <-chan os.Signal) (int, syscall.Signal) {
		if rulesErr != nil {
			fmt.Fprintf(os.Stderr, "pgtest: %s: %v\n", control.OverridesVariable, rulesErr)
			return 1, 0
		}
		b := parseArgs(command[1:])
		if reason := b.undivided(); reason != "" || b.lists() {
			if !b.lists() {
				client.Report(control.Report{Undivided: &control.Undivided{Reason: reason}})
			}
			client.Close()
			fmt.Fprintf(os.Stderr, "pgtest: %v\n", become(append(opts.Via, command...)))
			return 1, 0
		}
		about := inspect(command[0])
		if about.race {
			os.Setenv("GORACE", strings.TrimSpace("atexit_sleep_ms=0 "+os.Getenv("GORACE")))
		}
		program := append(opts.Via, command[0])
		return newRunner(opts, rules, program, b, about, client, caught).run()
	})
}

// Divides reports whether a test binary with these arguments gets several processes.
func Divides(args []string) bool {
	b := parseArgs(args)
	return b.undivided() == "" && !b.lists()
}

// facts are what a test binary's build information says.
type facts struct {
	pkg   string // the import path of the package that it tests
	race  bool   // it has the race detector
	marks testtext.Marks
}

// inspect reads a binary's build information. With the race detector a binary
// by default sleeps for a second before it exits, for the sake of goroutines
// that still run. That is too long to wait for each test.
func inspect(binary string) facts {
	info, err := buildinfo.ReadFile(binary)
	if err != nil || info.Path == "" {
		return facts{pkg: binary}
	}
	f := facts{pkg: strings.TrimSuffix(info.Path, ".test")}
	for _, s := range info.Settings {
		f.race = f.race || s.Key == "-race" && s.Value == "true"
	}
	f.marks = testtext.MarksOf(info.GoVersion)
	return f
}

// become replaces this process by another program. It returns only on failure.
func become(command []string) error {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, command, os.Environ())
}
