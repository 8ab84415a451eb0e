package result

import "time"

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

// Began records the true start of a test whose output is held back. If the test
// turns out to be interrupted, its elapsed time counts from At.
type Began struct {
	Package, Test string
	At            time.Time
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
// ended for it.
type Timeout struct {
	Package, Test string
	Limit         time.Duration
}

// Refusal says that there was no run: go test refused its command line. Nothing
// is written after the stream then.
type Refusal struct{}

// GoVersion is the version of the go command.
type GoVersion string

// Message is a line for the user about the run as a whole, without its end.
type Message string

func (Interruption) note() {}
func (Began) note()        {}
func (Usage) note()        {}
func (Leaks) note()        {}
func (Slow) note()         {}
func (Timeout) note()      {}
func (Refusal) note()      {}
func (GoVersion) note()    {}
func (Message) note()      {}
