//go:build unix

package pertest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"pgtest/harness/internal/testproc"
)

// binary is the command line with which go test would start the test binary.
type binary struct {
	flags map[string]string // of package testing, without "test."; the last one of a name counts
	args  []string          // what every process gets: all but the flags that are set for each
}

// perProcess are the flags of package testing that each process gets with a
// value of its own, or not at all.
var perProcess = map[string]bool{
	"run": true, "skip": true, "v": true, "count": true, "cpu": true, "timeout": true, "shuffle": true, "list": true,
	"testlogfile": true, "coverprofile": true, "gocoverdir": true,
}

// parseArgs parses the arguments.
func parseArgs(args []string) binary {
	b := binary{flags: make(map[string]string)}
	b.args = testproc.Filter(args, func(name, value string) bool {
		b.flags[name] = value
		return !perProcess[name]
	})
	return b
}

// undivided returns why the work can't be divided among processes, or "".
// Benchmarks would disturb each other, a fuzzer starts processes of its own, a
// profile covers one process, and without events the tests' output can't be
// told apart.
func (b binary) undivided() string {
	for _, name := range []string{
		"bench", "fuzz", "fuzzworker", "cpuprofile", "memprofile", "blockprofile", "mutexprofile", "trace",
	} {
		if b.flags[name] != "" {
			return fmt.Sprintf("-%s needs one process for all tests of a package", name)
		}
	}
	if v := b.flags["v"]; v != "test2json" && v != "true" {
		return "without events all tests of a package run in one process"
	}
	return ""
}

// lists reports whether the binary has nothing to run.
func (b binary) lists() bool { return b.flags["list"] != "" }

// processArgs returns the arguments of a process with some more flags,
// "name=value" without "test.".
func (b binary) processArgs(flags ...string) []string {
	args := make([]string, 0, len(flags)+len(b.args))
	for _, f := range flags {
		args = append(args, "-test."+f)
	}
	return append(args, b.args...)
}

func (b binary) timeout() time.Duration {
	d, _ := time.ParseDuration(b.flags["timeout"])
	return d
}

func (b binary) count() int {
	if n, err := strconv.Atoi(b.flags["count"]); err == nil {
		return n
	}
	return 1
}

// cpus returns the values of -cpu, "" for the default.
func (b binary) cpus() []string { return strings.Split(b.flags["cpu"], ",") }

// covers reports whether the binary measures coverage: go test then names a
// directory for it.
func (b binary) covers() bool { return b.flags["gocoverdir"] != "" }

// failsFast reports whether no test may start once one has failed.
func (b binary) failsFast() bool {
	failfast, _ := strconv.ParseBool(b.flags["failfast"])
	return failfast
}
