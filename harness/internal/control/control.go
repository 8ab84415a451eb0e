// Package control carries the messages between the run and its supervisors over
// a Unix socket. It does not know what either does with them.
//
// A supervisor connects before it starts its test binary. It Asks for a place and
// which tests to run, and waits for the answer. Then it reports Started or Failed,
// and finally Ended. The run sends orders at any time. Each end treats a closed
// connection as the death of the other.
package control

import (
	"syscall"
	"time"

	"pgtest/harness/internal/proc"
)

// SocketVariable is the environment variable that names the run's socket to
// its supervisors. They remove it before they start a test binary, so a test
// that runs pgtest itself gets a run of its own.
const SocketVariable = "_PGTEST_RUN"

// TempVariable is the environment variable that passes the user's GOTMPDIR to
// supervisors, if it is set. The run sets GOTMPDIR of its go command to the
// run's directory, so that go's files can be removed if go is killed;
// supervisors restore the user's value.
const TempVariable = "_PGTEST_GOTMPDIR"

// ProgramVariable passes the user's GOCACHEPROG in the same way, where the run sets
// another that comes between.
const ProgramVariable = "_PGTEST_GOCACHEPROG"

// OverridesVariable is the environment variable that passes on what overrides say
// of the processes of tests, as package override encodes it. It is removed as the
// others are.
const OverridesVariable = "_PGTEST_OVERRIDES"

// A Report is one message to the run. Exactly one field is set.
type Report struct {
	Asks    *Asks    `json:",omitempty"`
	Done    *Done    `json:",omitempty"`
	Started *Started `json:",omitempty"`
	Failed  *Failed  `json:",omitempty"`
	Ended   *Ended   `json:",omitempty"`
	// Overtime answers an order that has it.
	Overtime bool     `json:",omitempty"`
	Tests    *Tests   `json:",omitempty"`
	Running  *Running `json:",omitempty"`
	Began    *Began   `json:",omitempty"`
	Slow     *Slow    `json:",omitempty"`
	Leaked   *Leaked  `json:",omitempty"`
	// Stressed comes from the role that runs a test binary many times.
	Stressed *Stressed `json:",omitempty"`
	// Undivided comes from the role that runs tests in a process each.
	Undivided *Undivided `json:",omitempty"`
	// Last is sent by the run to itself. Connections are accepted in the order
	// in which they were made, so when Last arrives no earlier one is waiting.
	Last bool `json:",omitempty"`
}

// Asks asks for a place to run in, before a process is started. The answer is an
// order with Place set.
type Asks struct {
	// Package is as in Started.
	Package string
	// Dir is the directory in which the package's tests run.
	Dir string
	// Divided says that what is started runs tests in several processes, and asks for
	// a place for each of them.
	Divided bool `json:",omitempty"`
	// Process is the number of such a process, from 1. It is 0 for a package.
	Process int `json:",omitempty"`
	// Tests are those that such a process runs, "" for those that have no process of
	// their own. Without any it runs all.
	Tests []string `json:",omitempty"`
}

// Done reports that such a process has ended, and all that it started.
type Done struct{ Process int }

// Started reports that the test binary runs.
type Started struct {
	// Supervisor is the supervisor's process id.
	Supervisor int
	// PID is the test binary's process id, which is also the id of the process
	// group that it leads, unless tests have the terminal.
	PID int
	// Package is the import path of the package that the binary tests, or the
	// binary's path if its build information does not say.
	Package string
}

// Failed reports that the test binary could not be started.
type Failed struct {
	// Package is as in Started.
	Package string
	// Reason is an error's text.
	Reason string
}

// Ended reports that the test binary and everything that it started have ended.
type Ended struct {
	// ExitCode is the exit status, or -1 if Signal ended the process.
	ExitCode int
	// Signal is the signal that ended the process, or 0.
	Signal syscall.Signal
	// Resources is what the process and everything that it left behind used.
	Resources Resources
	// Leaks are processes that were still alive after the leader's end, in
	// the order of their ids, at most MaxLeaks of them.
	Leaks []Leak `json:",omitempty"`
	// MoreLeaks counts the leaked processes that Leaks leaves out.
	MoreLeaks int `json:",omitempty"`
}

// Tests reports that the sender, which replaces a test binary, is about to run
// it in several processes, each for a test or for all of them. The sender has a
// connection of its own, and starts none before it gets an order with Tests set.
type Tests struct {
	Package string
	Count   int // of the processes; 0 if nobody knows
}

// Running reports that a process of a test has started or ended.
type Running struct {
	Test string
	// PID is its process id.
	PID   int
	Ended bool
}

// Began reports how long a test has been running whose output is held back.
type Began struct {
	Package, Test string
	Elapsed       time.Duration
}

// Slow reports that a test has been running for longer than
// TestsOrder.SlowAfter.
type Slow struct {
	Package, Test string
	Elapsed       time.Duration
}

// Leaked reports that the process of a test left other processes behind.
type Leaked struct {
	Package string
	Leaks   []Leak
}

// Stressed reports how often a test binary was run, and whether a run failed.
type Stressed struct {
	Package string
	// Runs is how many runs came to their end in the time Elapsed.
	Runs    int
	Elapsed time.Duration
	// Failed says that the last of them failed.
	Failed bool `json:",omitempty"`
	// Kept is the path of a script that repeats the failed run, or "".
	Kept string `json:",omitempty"`
}

// Undivided reports that tests run without a process of their own though the
// user asked for one.
type Undivided struct {
	// Reason is shown to the user. The run shows equal reasons once.
	Reason string
}

// MaxLeaks bounds the leaked processes that one supervisor describes.
const MaxLeaks = proc.MaxDescribed

// Resources is what a package's processes used.
type Resources = proc.Usage

// Leak is a process that a test binary left behind.
type Leak struct {
	PID int
	// Test is the test that left the process behind, if tests have a process
	// each.
	Test string `json:",omitempty"`
	// Command is the command line, its words separated by spaces, cut to a
	// bounded length. It is empty if the process was gone before it was read.
	Command string
	// Escaped says that the process had left the test binary's process group.
	Escaped bool
	// End is how the process ended. It is empty if Alive is set.
	End LeakEnd
	// Alive is the reason why the process could not be ended, or "".
	Alive string `json:",omitempty"`
}

// LeaksOf describes the first MaxLeaks of left, the processes that a process of
// the given group left behind.
func LeaksOf(left []proc.Leftover, group int) []Leak {
	var leaks []Leak
	for _, l := range left[:min(len(left), MaxLeaks)] {
		leak := Leak{PID: l.PID, Command: l.Command, Escaped: l.Group != group, Alive: l.Alive}
		switch {
		case l.Alive != "":
		case l.Killed:
			leak.End = EndedByKill
		default:
			leak.End = EndedByTerm
		}
		leaks = append(leaks, leak)
	}
	return leaks
}

// LeakEnd is how a leaked process ended.
type LeakEnd string

const (
	EndedByTerm LeakEnd = "SIGTERM"
	EndedByKill LeakEnd = "SIGKILL"
)

// An Order tells a supervisor what to do.
type Order struct {
	// Signal, unless 0, is sent to the test binary and everything that it
	// started.
	Signal syscall.Signal `json:",omitempty"`
	// Overtime says that Signal is sent because a test has run for too long. If the
	// test binary has not ended before, the supervisor reports Overtime, and the package
	// fails however the binary ends.
	Overtime bool `json:",omitempty"`
	// Kill ends the test binary and everything that it started, at once.
	Kill bool `json:",omitempty"`
	// Unread says that go is dead, so that nobody reads what the test binary
	// prints.
	Unread bool `json:",omitempty"`
	// Place answers Asks, for a package together with Selection.
	Place     *Place     `json:",omitempty"`
	Selection *Selection `json:",omitempty"`
	// Refused answers Asks: it is why the package can't run, for its output.
	Refused string `json:",omitempty"`
	// Tests is for the role that runs tests in a process each.
	Tests *TestsOrder `json:",omitempty"`
}

// A Place lets a process run.
type Place struct {
	// Process is as in Asks.
	Process int `json:",omitempty"`
	// Env is what the process has in its environment besides: "NAME=value".
	Env []string
}

// A Selection is the part of a package's tests that runs: of what the user's
// flags select, the tests in Only, with their parents and subtests, or with All
// everything but those in Except. Names are as in events.
type Selection struct {
	// Again says that the package ran before: it writes no profile.
	Again        bool     `json:",omitempty"`
	All          bool     `json:",omitempty"`
	Only, Except []string `json:",omitempty"`
	// Alone says that each test in Only gets a process, if tests have processes
	// of their own.
	Alone bool `json:",omitempty"`
	// Shuffle is the seed with which the tests were shuffled, or "".
	Shuffle string `json:",omitempty"`
}

// A TestsOrder says how tests run in a process each. A later one replaces an
// earlier one.
type TestsOrder struct {
	// Processes is how many may run at once.
	Processes int
	// SlowAfter is the running time after which a test is reported as slow; 0
	// disables the reports.
	SlowAfter time.Duration
}
