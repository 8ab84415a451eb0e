//go:build unix

// Package pertest is the role of pgtest that runs the tests of one test binary in a process each (`pgtest __tests`),
// several at once, and prints what one process that ran them all would have printed. A supervisor starts it in the
// place of the test binary. It knows nothing of other packages.
package pertest

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"pgtest/signals"
	"pgtest/steady"
)

// stdout is standard output, which the tests' processes may share.
var stdout = steady.Writer(os.Stdout)

// Main runs the role with the words that follow its name, as Options.Words writes them. It ends the process: with
// status 0 if all tests passed, else 1, and by the signal that told it to end. A run that can't be divided, such as one of benchmarks or
// for a profile, it leaves to the test binary, which it becomes.
func Main(words []string) {
	opts, err := parseWords(words)
	if err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		os.Exit(1)
	}
	link := dial()
	caught := signals.Catch()
	b := parseArgs(opts.Args)
	if !b.divisible() {
		become(opts)
	}
	adoptOrphans()
	sel, err := selectTests(opts.Command, b)
	if err != nil || len(sel.tests) == 0 {
		become(opts)
	}
	pkg, race := inspect(opts.Command[len(opts.Command)-1])
	if race {
		os.Setenv("GORACE", strings.TrimSpace("atexit_sleep_ms=0 "+os.Getenv("GORACE")))
	}
	link.hello(pkg, len(sel.tests))
	r := newRunner(opts, b, sel, link)
	status, sig := r.run(caught)
	link.close()
	if sig != 0 {
		signal.Reset(sig)
		syscall.Kill(os.Getpid(), sig)
		select {} // until it arrives
	}
	os.Exit(status)
}

// inspect returns the import path of the package that a binary tests, and whether it has the race detector. By default
// such a binary sleeps for a second before it exits, for the sake of goroutines that still run: too long for each test.
func inspect(binary string) (pkg string, race bool) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil || info.Path == "" {
		return binary, false
	}
	for _, s := range info.Settings {
		race = race || s.Key == "-race" && s.Value == "true"
	}
	return strings.TrimSuffix(info.Path, ".test"), race
}

// become replaces this process by the test binary.
func become(opts Options) {
	path, err := exec.LookPath(opts.Command[0])
	if err == nil {
		err = syscall.Exec(path, append(opts.Command[:len(opts.Command):len(opts.Command)], opts.Args...), os.Environ())
	}
	fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
	os.Exit(1)
}
