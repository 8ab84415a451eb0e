//go:build unix

package testproc

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/words"
	"pgtest/signals"
)

// Options are the settings of every role that starts a test binary.
type Options struct {
	// Via is the program that runs the test binary, and its arguments, if any.
	// The test binary and its arguments are appended to it.
	Via []string
	// FailOnLeaks makes what leaves processes behind fail: a package, a test
	// with a process of its own, a run of many.
	FailOnLeaks bool
	// TestTimeout limits how long a test with a process of its own may run, or
	// a run of many; 0 is no limit.
	TestTimeout time.Duration
	// EachTimeout is -timeout where the tests of a package together have none,
	// because one of them may run for longer: it limits each of the others.
	EachTimeout time.Duration
}

// Main runs a role in the test binary's place with the words that follow its
// name: options, which it sets, the test binary, and its arguments. The role is
// what run does, with the last two, until it returns an exit status, or the
// signal to die of. The client is nil without a run.
func Main(name string, args []string, options any, run func(command []string, client *control.Client, caught <-chan os.Signal) (int, syscall.Signal)) int {
	command, err := words.Parse(name, args, options)
	if err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		return 1
	}
	caught := signals.Catch()
	client, _ := control.Connect() // a run that can't be reached is dead: its end tells the supervisor
	status, sig := run(command, client, caught)
	client.Close()
	if sig != 0 {
		signals.Die(sig)
	}
	return status
}
