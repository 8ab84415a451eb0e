// Package jsonstream turns the event stream of go test -json back into
// something to read: formatted output while tests run, a summary, a JUnit XML
// report and a [Report] for programs.
//
// Bytes go one way: lines are split and recognised, events are gathered per
// test, and what a test printed is handed on in one piece when the test ends.
// Outputs that outgrow memory wait in an unlinked temporary file. A line that
// is no event is shown as it is; nothing in the stream is ever fatal.
//
// Formats, icons and the summary are those of gotest.tools/gotestsum/testjson,
// except that standard-verbose is the text of go test -v, one package after
// another, whose summary has no lines that could be taken for results.
// The package knows the event stream and what can be made of it. It starts no
// process, handles no signal and reads no flag.
package jsonstream
