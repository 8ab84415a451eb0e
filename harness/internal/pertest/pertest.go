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
	"slices"
	"strings"
	"syscall"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/testtext"
	"pgtest/harness/steady"
	"pgtest/signals"
)

// stdout is standard output, which the tests' processes may share.
var stdout = steady.Writer(os.Stdout)

// Main runs the role with the words that follow its name, as Options.Words
// writes them. It returns status 0 if all tests passed, else another status. If
// a signal asked it to end, the process dies of that signal. If the work can't
// be divided, as with benchmarks or a profile, Main reports that and replaces
// this process by the test binary.
func Main(words []string) int {
	opts, err := parseWords(words)
	if err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		return 1
	}
	caught := signals.Catch()
	client, _ := control.Connect() // a run that can't be reached is dead: its end tells the supervisor
	report := &reporter{client: client}
	b := parseArgs(opts.Args)
	if reason := b.undivided(); reason != "" || b.lists() {
		if !b.lists() {
			report.undivided(reason)
		}
		client.Close()
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", become(opts))
		return 1
	}
	about := inspect(opts.Command[len(opts.Command)-1])
	report.pkg = about.pkg
	if about.race {
		os.Setenv("GORACE", strings.TrimSpace("atexit_sleep_ms=0 "+os.Getenv("GORACE")))
	}
	status, sig := newRunner(opts, b, about.marks, report, caught).run()
	client.Close()
	if sig != 0 {
		signals.Die(sig)
	}
	return status
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

// become replaces this process by the test binary. It returns only on failure.
func become(opts Options) error {
	path, err := exec.LookPath(opts.Command[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, append(slices.Clone(opts.Command), opts.Args...), os.Environ())
}
