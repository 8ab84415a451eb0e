package harnesstest

import (
	"regexp"
	"runtime"
	"strings"
)

// WaitsForLock reports whether a goroutine waits for a mutex in a function,
// which is named as in a stack trace: "(*tree).follow".
func WaitsForLock(function string) bool {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, stack := range strings.Split(string(stacks), "\n\n") {
		if mutexWait.MatchString(stack) && strings.Contains(stack, function+"(") {
			return true
		}
	}
	return false
}

// mutexWait is in the first line of a goroutine that waits for a mutex.
var mutexWait = regexp.MustCompile(`^goroutine \d+ [^\n]*\[sync\.(RW)?Mutex\.R?Lock`)
