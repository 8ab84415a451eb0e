// Package timeline says what a run did when: builds, packages and tests on
// tracks that show what ran side by side, and the critical path among them. It
// gathers results and knows no output.
package timeline

import (
	"time"

	"pgtest/jsonstream/result"
)

// A Timeline is what a run did when. All times count from Start.
type Timeline struct {
	Start time.Time
	End   time.Duration // of the last span or mark
	// Tracks are in the order in which they are shown: those of a group follow
	// each other. Spans of a track nest: each begins after the end of the one
	// before it, or lies inside it.
	Tracks []Track
	// Spans are sorted by Start; of those that start together the longer one
	// comes first. A span comes after its Parent.
	Spans []Span
	// Marks are sorted by At.
	Marks []Mark
	// Path is the critical path: spans of builds, packages and the go command
	// that follow each other in time, as indexes in Spans. What makes one of
	// them shorter makes the run shorter, until another path takes its place.
	Path []int
	// Omitted counts tests, the shortest ones, that are left out because there
	// are too many.
	Omitted int
}

// A Track is a row.
type Track struct {
	Group string // [RunGroup], [BuildGroup] or a worker for packages ("tests 1")
	Name  string
}

// The groups that are no workers.
const (
	RunGroup   = "run"
	BuildGroup = "build"
)

// A Kind is what a span is about.
type Kind string

const (
	Round   Kind = "round"   // the run itself, or a rerun
	Load    Kind = "load"    // the go command before its first action
	Compile Kind = "compile" // compiler, assembler, cgo
	Link    Kind = "link"
	Vet     Kind = "vet"
	Action  Kind = "go" // another of the go command's actions
	Package Kind = "package"
	Test    Kind = "test" // also an example, a benchmark, a fuzz test
	Subtest Kind = "subtest"
	// Before is a parallel test up to its call of t.Parallel. The test itself
	// is the time from when it goes on.
	Before Kind = "before t.Parallel"
	// Process is one of several processes of a package's tests.
	Process Kind = "process"
	// Waiting is the time before the tests of a package, or of a process, could
	// begin because others ran.
	Waiting Kind = "waiting"
)

// IsBuild reports whether spans of the kind are actions of a build.
func (k Kind) IsBuild() bool { return k == Compile || k == Link || k == Vet || k == Action }

// A Span is something that took time.
type Span struct {
	Kind       Kind
	Name       string // of the test, the package, or what else ran
	Package    string // "" for what is about none
	Round      int    // 0 is the run itself, 1 its first rerun
	Start, End time.Duration
	Track      int // in Timeline.Tracks
	Parent     int // in Timeline.Spans: the package or the test; -1 for none
	// Result is how a package or a test ended, "" for other spans. Flaky says
	// that a test failed and passed in a later round.
	Result result.End
	Flaky  bool
	// Elapsed is the time that go reports for a package or a test. It is less
	// than the span if a test waits for its parallel subtests.
	Elapsed time.Duration
	// Cached says that go took an action or a package's result from its cache.
	Cached bool
	// LinkCache is what the link cache did for a link: "hit", "fetched" or
	// "miss"; "" if it was not asked, or that is unknown.
	LinkCache string
	// Guessed says that the times come from Elapsed alone, because the events
	// of the test came later than they happened.
	Guessed bool
	// Critical says that the span is on the critical path, or for a test, on
	// that of its package, which is.
	Critical bool
}

// Duration is the time from Start to End.
func (s Span) Duration() time.Duration { return s.End - s.Start }

// A Mark is something that happened at one moment.
type Mark struct {
	At   time.Duration
	Kind MarkKind
	Text string
	// Package and Test are those that it is about, "" for the whole run.
	Package, Test string
	Track         int // in Timeline.Tracks
}

// A MarkKind is what happened.
type MarkKind string

const (
	Signal MarkKind = "signal" // a signal for the tests, or the end of the run
	Leak   MarkKind = "leak"   // a process that was left behind
)
