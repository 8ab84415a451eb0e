package jsonstream

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"gotest.tools/gotestsum/testjson"
	"pgtest/jsonstream/junit"
)

// Options say what a [Stream] makes of its events.
type Options struct {
	// Stdout gets the formatted output and the summary, always from one
	// goroutine at a time. nil discards them.
	Stdout io.Writer
	// Stderr gets what go wrote to its stderr, line by line, except in the dots
	// formats, whose rows it would break: they show it in the summary alone.
	// nil discards it.
	Stderr io.Writer
	// Format is one of [Formats]; empty means pkgname.
	Format string
	// Icons is one of [Icons] or empty.
	Icons string
	// HideEmptyPackages leaves packages without tests out of the formats that
	// show a line per package.
	HideEmptyPackages bool
	// Summary has the sections that the summary shows. Its zero value shows
	// the last line alone ("DONE 3 tests in 0.1s").
	Summary testjson.Summary
	// NoSummary shows nothing at all after the stream.
	NoSummary bool
	// BeforeSummary writes sections of the caller's own between the stream's
	// output and the summary. It runs in Finish, also with NoSummary.
	BeforeSummary func(io.Writer)
	// OnWriteError is called once, from the goroutine that writes, when a write
	// to Stdout fails for the first time. The stream goes on without Stdout:
	// files still get everything. It must not call the Stream's Finish.
	OnWriteError func(error)
	// JSONFile gets the bytes of every line of go's stdout. It may be nil.
	JSONFile io.Writer
	// JUnit asks for a JUnit report, written by Finish. It may be nil.
	JUnit *junit.Options
}

// Stream formats one event stream. Each of ReadOutput and ReadErrors may be
// called once, concurrently with each other; Finish comes after both. Running,
// Interrupt and Annotate may be called at any time from any goroutine. A Stream
// that was made must be finished: it holds a goroutine and a temporary file.
type Stream struct {
	opts      Options
	formatter testjson.EventFormatter
	out       *firstError

	mu        sync.Mutex
	exec      *testjson.Execution
	stderr    bytes.Buffer
	readErr   error
	interrupt string
}

// New returns a Stream. It fails if the format or the icons are unknown; the
// error names the known ones.
func New(opts Options) (*Stream, error) {
	if opts.Format == "" {
		opts.Format = "pkgname"
	}
	if err := CheckFormat(opts.Format); err != nil {
		return nil, err
	}
	if err := CheckIcons(opts.Icons); err != nil {
		return nil, err
	}
	if opts.Stdout == nil {
		opts.Stdout = io.Discard
	}
	if opts.Stderr == nil {
		opts.Stderr = io.Discard
	}
	s := &Stream{opts: opts, out: &firstError{w: opts.Stdout, report: opts.OnWriteError}}
	s.formatter = testjson.NewEventFormatter(s.out, opts.Format, testjson.FormatOptions{
		HideEmptyPackages: opts.HideEmptyPackages,
		Icons:             opts.Icons,
	})
	return s, nil
}

// ReadOutput reads go's stdout until its end and formats it. Its error is the
// first of reading; errors of writing to Stdout come from Finish and
// OnWriteError, and do not end it.
func (s *Stream) ReadOutput(r io.Reader) error {
	exec, err := testjson.ScanTestOutput(testjson.ScanConfig{
		Stdout: r, Handler: s, IgnoreNonJSONOutputLines: true,
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exec = exec
	return err
}

// Event implements the renderer's handler.
func (s *Stream) Event(event testjson.TestEvent, exec *testjson.Execution) error {
	if s.opts.JSONFile != nil && len(event.Bytes()) > 0 {
		s.opts.JSONFile.Write(append(bytes.Clone(event.Bytes()), '\n'))
	}
	return s.formatter.Format(event, exec)
}

// Err implements the renderer's handler.
func (s *Stream) Err(text string) error {
	io.WriteString(s.out, text+"\n")
	return nil
}

// ReadErrors reads go's stderr until its end: lines are shown on Stderr and
// kept for the summary. Its error is that of reading.
func (s *Stream) ReadErrors(r io.Reader) error {
	_, err := io.Copy(s.opts.Stderr, r)
	return err
}

// Running returns what has started and not ended, in the order of its start,
// each package before its tests. It never waits for a slow Stdout.
func (s *Stream) Running() []Running {
	return nil
}

// Interrupt says that the run is being ended, for the given reason ("SIGINT").
// From now on a test or package that has no end event is interrupted rather
// than failed. Later calls change nothing.
func (s *Stream) Interrupt(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.interrupt == "" {
		s.interrupt = reason
	}
}

// Annotation is what the run knows about a package and the stream does not
// tell. It goes to the JUnit report alone.
type Annotation struct {
	// Properties are added to the package's suite.
	Properties []junit.Property
	// Errors are added as testcases with an error.
	Errors []AnnotatedError
}

// AnnotatedError is a testcase that shows an error of a whole package.
type AnnotatedError struct {
	// Name is the name of the testcase ("leaked processes").
	Name string
	// Type and Message are attributes of its error element, Output its text.
	Type, Message, Output string
}

// Annotate adds to what the JUnit report says about the package with the given
// import path. It may be called until Finish, also before the package's first
// event; annotations of a package that the stream never had are left out.
func (s *Stream) Annotate(pkg string, a Annotation) {
}

// Finish ends the stream: tests that never ended get their end, the caller's
// sections and the summary are written, then the JUnit report. The Report is
// whole in any case. The error joins the first ones of writing to Stdout, to
// JSONFile and to the JUnit report.
func (s *Stream) Finish() (Report, error) {
	if s.opts.BeforeSummary != nil {
		s.opts.BeforeSummary(s.out)
	}
	if s.exec != nil && !s.opts.NoSummary {
		testjson.PrintSummary(s.out, s.exec, s.opts.Summary)
	}
	return Report{}, errors.Join(s.out.err)
}

// firstError writes until the first error, which it remembers and reports.
type firstError struct {
	w      io.Writer
	err    error
	report func(error)
}

func (f *firstError) Write(p []byte) (int, error) {
	if f.err != nil {
		return len(p), nil
	}
	if _, err := f.w.Write(p); err != nil {
		f.err = err
		if f.report != nil {
			f.report(err)
		}
	}
	return len(p), nil
}
