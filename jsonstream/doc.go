// Package jsonstream turns the event stream of go test -json back into
// something to read: formatted output while tests run, a summary, a JUnit XML
// report and a [result.Report] for programs.
//
// A stream is a line: package event makes events of the bytes, package result
// packages, tests and their ends of the events, and sinks outputs of these.
// What a test printed is handed on in one piece when the test ends; outputs
// that outgrow memory wait in a file without a name. A line that is no event is
// shown as it is; nothing in the stream is ever fatal. What the run knows
// besides its events it says by [Stream.Note].
//
// This package puts the line together and is the only one that knows all sinks.
// It starts no process, handles no signal and reads no flag.
package jsonstream
