// Package sink says what an output of a stream has to do, and gathers what it
// writes. It knows no output.
package sink

import (
	"pgtest/jsonstream/event"
	"pgtest/jsonstream/result"
)

// A Sink makes an output of a stream. Its methods are called by one goroutine
// at a time, in the order of the stream. A sink that can't write goes on
// without writing: its error is for Close to return, and no business of other
// sinks.
type Sink interface {
	// Needs is asked for once, at the start.
	Needs() Needs
	// Event gets each event with its package, after what it leads to. The package
	// is nil for an event of a build, of an event file's own, and for one that
	// comes after the end of its test and says nothing.
	Event(*event.Event, *result.Package)
	result.Watcher
	// Note gets what the run noted, before Close.
	Note(result.Note)
	// NextRound comes between two rounds. Everything in the one before has its
	// end by then.
	NextRound(*result.Results)
	// Flush writes what is ready, before the stream waits for more.
	Flush()
	// Close writes what comes at the end. Everything has its end by then.
	Close(*result.Results) error
}

// Needs say what a sink wants. What no sink wants is dropped early: a passed
// test then costs no more than finding the names in its events.
type Needs struct {
	Events  bool // calls of Event
	Passed  bool // calls of TestEnded for tests that passed
	Outputs bool // what tests printed that did not pass, and what packages did
}

// Of returns what all sinks need together.
func Of(sinks []Sink) Needs {
	var all Needs
	for _, s := range sinks {
		n := s.Needs()
		all.Events = all.Events || n.Events
		all.Passed = all.Passed || n.Passed
		all.Outputs = all.Outputs || n.Outputs
	}
	return all
}

// None needs nothing and does nothing. Sinks embed it for what they don't use.
type None struct{}

func (None) Needs() Needs                        { return Needs{} }
func (None) Event(*event.Event, *result.Package) {}
func (None) TestEnded(*result.Test)              {}
func (None) PackageEnded(*result.Package)        {}
func (None) Note(result.Note)                    {}
func (None) NextRound(*result.Results)           {}
func (None) Flush()                              {}
func (None) Close(*result.Results) error         { return nil }
