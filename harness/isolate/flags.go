//go:build unix

package isolate

import (
	"flag"
	"runtime"
	"strconv"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/internal/pattern"
)

// ownFlags are the flags of package testing that a child doesn't inherit: those
// that choose tests, those that childArgs sets, and those that name a file
// which the parent writes.
var ownFlags = map[string]bool{
	"test.run": true, "test.list": true, "test.bench": true, "test.fuzz": true, "test.shuffle": true,
	"test.count": true, "test.cpu": true, "test.timeout": true, "test.v": true,
	"test.testlogfile": true, "test.coverprofile": true, "test.cpuprofile": true, "test.memprofile": true,
	"test.blockprofile": true, "test.mutexprofile": true, "test.trace": true,
}

// childArgs returns the arguments for the child that runs the named test: the
// parent's, without ownFlags, and the child's own.
func childArgs(args []string, test string, timeout time.Duration, testlog string) []string {
	flags, words := splitArgs(args)
	var own []string
	set := func(name, value string) { own = append(own, "-test."+name+"="+value) }
	run, ok := pattern.Narrow(flagValue("test.run"), test)
	if !ok {
		run = pattern.Exact(test) // a test that -run doesn't know, such as a fuzz target's input
	}
	set("run", run)
	set("v", "test2json")
	set("count", "1")
	set("timeout", timeout.String())
	if flagValue("test.cpu") != "" {
		set("cpu", strconv.Itoa(runtime.GOMAXPROCS(0)))
	}
	if testlog != "" {
		set("testlogfile", testlog)
	}
	return append(append(flags, own...), words...)
}

// splitArgs divides the arguments of a test binary into flags, without
// ownFlags, and the words that follow them.
func splitArgs(args []string) (flags, words []string) {
	for i := 0; i < len(args); i++ {
		f := gotest.CutFlag(args[i])
		if f.Name == "" {
			return flags, args[i:]
		}
		n := 1
		if !f.HasValue && takesValue(f.Name) && i+1 < len(args) {
			n = 2
		}
		if !ownFlags[f.Name] {
			flags = append(flags, args[i:i+n]...)
		}
		i += n - 1
	}
	return flags, nil
}

// takesValue reports whether the flag needs a value, which may be the next
// argument.
func takesValue(name string) bool {
	f := flag.Lookup(name)
	if f == nil {
		return false
	}
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return !ok || !b.IsBoolFlag()
}

// flagValue returns the value of a flag as text, "" if there is no such flag.
func flagValue(name string) string {
	f := flag.Lookup(name)
	if f == nil {
		return ""
	}
	return f.Value.String()
}
