package result

import (
	"fmt"
	"time"
)

// A Note is a fact about a run that the events of go test do not tell. It is one
// of the types in this file.
type Note interface{ note() }

// Interruption says that the run is being ended. From then on a test or a
// package without an end event is interrupted rather than failed. Only a run's
// first Interruption counts.
type Interruption struct {
	At     time.Time
	Reason string // "SIGINT"
}

// After says how long a test ran until the interruption.
func (i Interruption) After(elapsed time.Duration) string {
	return fmt.Sprintf("interrupted after %.2fs by %s", elapsed.Seconds(), i.Reason)
}

// Began records the true start of a test whose output is held back. If the test
// turns out to be interrupted, its elapsed time counts from At.
type Began struct {
	Package, Test string
	At            time.Time
}

// Waited says that a package waited for a place before its tests began, or a process
// for some of its tests.
type Waited struct {
	Package  string
	Process  bool
	From, To time.Time
}

// Usage is what a package's process used, and all that it started.
type Usage struct {
	Package      string
	Elapsed      time.Duration
	User, System time.Duration // CPU time
	// PeakMemory is the peak resident set of the largest single process, in
	// bytes. With AtMost it may have been less.
	PeakMemory int64
	AtMost     bool
}

// Leaks are processes that a package's process left behind.
type Leaks struct {
	Package string
	Leaks   []Leak
	More    int  // how many are not described
	Fail    bool // they make the package fail
}

// Leak is a process that was left behind.
type Leak struct {
	PID     int
	Test    string // that left it, if each test has a process of its own
	Command string // its words separated by spaces; "" if unknown
	Escaped bool   // it had left the test's process group
	End     string // the signal that ended it ("SIGTERM")
	Alive   string // why it could not be ended; "" if it was
}

// Slow says that a test has been running for long.
type Slow struct {
	Package, Test string
	Elapsed       time.Duration
}

// Timeout says that a test ran into the run's own limit, and that its package was
// ended for it. Test is "" if the package ran for so long without one.
type Timeout struct {
	Package, Test string
	Limit         time.Duration
	Where         string // the limit stands, "" for --test-timeout, or GoTimeout
}

// GoTimeout stands for -timeout in the place of a limit.
const GoTimeout = "-timeout"

// Stress says how often a package's tests were run, and whether a run failed.
type Stress struct {
	Package string
	Runs    int // that came to their end in the time Elapsed
	Elapsed time.Duration
	Failed  bool   // the last of them
	Kept    string // the path of a script that repeats the failed run; "" if there is none
}

// Refusal says that there was no run: go test refused its command line. Nothing
// is written after the stream then.
type Refusal struct{}

// Unreached has the tests of a package that were to run. Those that did not run
// are reported as such, because the run ended early.
type Unreached struct {
	Package string
	Tests   []string
	Reason  string // "--max-fails=1"
}

// Coverage is what there is to say about the coverage of the whole run: lines with
// their ends.
type Coverage string

// GoVersion is the version of the go command.
type GoVersion string

// Signal is what a signal meant for the run.
type Signal struct {
	At   time.Time
	Text string // "SIGINT to the tests"
}

// Process is a process that has run a test, or one of several that have run the
// tests of a package.
type Process struct {
	Package, Name  string
	Started, Ended time.Time
}

// Build is what the go command of a round did, in actions that depend on each
// other. It does not say how they ended.
type Build struct {
	Round   int
	Started time.Time // of the go command
	Actions []Action
}

// Action is something that the go command did or had in its cache. Action.Done is
// zero if the command ended before it.
type Action struct {
	Mode    string // "build", "link", "vet", "test run"
	Package string // also "example.com/a.test" for a test binary
	Deps    []int  // in Build.Actions
	// Ready is when all of Deps were done, Start when the action began.
	Ready, Start, Done time.Time
	Ran                bool   // a program ran: the action was not cached
	LinkCache          string // what the link cache did: "hit", "fetched", "miss"; or ""
}

// Message is a line for the user about the run as a whole, without its end.
type Message string

func (Interruption) note() {}
func (Began) note()        {}
func (Waited) note()       {}
func (Usage) note()        {}
func (Leaks) note()        {}
func (Slow) note()         {}
func (Timeout) note()      {}
func (Stress) note()       {}
func (Refusal) note()      {}
func (Unreached) note()    {}
func (Coverage) note()     {}
func (GoVersion) note()    {}
func (Signal) note()       {}
func (Process) note()      {}
func (Build) note()        {}
func (Message) note()      {}

// String describes the process and what became of it.
func (l Leak) String() string {
	where := "in the test's process group"
	if l.Escaped {
		where = "had left the test's process group"
	}
	command := l.Command
	if command == "" {
		command = "(command line unknown)"
	}
	end := "ended with " + l.End
	if l.Alive != "" {
		end = fmt.Sprintf("could not be ended: %s; it still runs", l.Alive)
	}
	text := fmt.Sprintf("pid %d: %s: %s; %s", l.PID, command, where, end)
	if l.Test != "" {
		return l.Test + ": " + text
	}
	return text
}

// Lines describes the leaks, one a line.
func (l Leaks) Lines() []string {
	var lines []string
	for _, leak := range l.Leaks {
		lines = append(lines, leak.String())
	}
	if l.More > 0 {
		lines = append(lines, "and "+thousands(l.More)+" more")
	}
	return lines
}

// thousands writes a number with commas between groups of three digits.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

func (s Slow) String() string {
	return fmt.Sprintf("slow: %s of %s has been running for %v", s.Test, s.Package, s.Elapsed.Round(time.Millisecond))
}

func (s Stress) String() string {
	runs := fmt.Sprintf("%s runs in %.2fs", thousands(s.Runs), s.Elapsed.Seconds())
	if s.Runs == 1 {
		runs = fmt.Sprintf("1 run in %.2fs", s.Elapsed.Seconds())
	}
	if s.Failed {
		return runs + ", the last failed"
	}
	return runs + ", none failed"
}

func (t Timeout) String() string {
	limit := fmt.Sprintf("--test-timeout=%v", t.Limit)
	switch {
	case t.Where == GoTimeout:
		limit = fmt.Sprintf("%s=%v", t.Where, t.Limit)
	case t.Where != "":
		limit = fmt.Sprintf("its timeout of %v (%s)", t.Limit, t.Where)
	}
	if t.Test == "" {
		return fmt.Sprintf("%s ran for longer than %s without a test; it was ended", t.Package, limit)
	}
	return fmt.Sprintf("%s of %s ran for longer than %s; the package was ended", t.Test, t.Package, limit)
}

// Notice is the line that shows a note to the user as soon as it comes, "" for
// none.
func Notice(n Note) string {
	switch n := n.(type) {
	case Message:
		return string(n)
	case Slow:
		return "pgtest: " + n.String()
	case Timeout:
		return "pgtest: " + n.String()
	}
	return ""
}
