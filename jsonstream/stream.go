package jsonstream

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

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
	// Terse leaves out of standard-verbose what go test prints with -v alone: what
	// remains is what it prints while benchmarks or a fuzz test run without.
	Terse bool
	// HideEmptyPackages leaves packages without tests out of the formats that
	// show a line per package.
	HideEmptyPackages bool
	// Summary has the sections that the summary shows. Its zero value shows
	// the last line alone ("DONE 3 tests in 0.1s").
	Summary testjson.Summary
	// BuildToStderr shows what the build printed on Stderr as it comes, and not
	// in the summary: for -x, whose commands come that way.
	BuildToStderr bool
	// NoSummary shows nothing at all after the stream.
	NoSummary bool
	// BeforeSummary writes sections of the caller's own between the stream's
	// output and the summary. It runs in Finish, also with NoSummary.
	BeforeSummary func(io.Writer)
	// OnWriteError is called once, from the goroutine that writes, when a write
	// to Stdout fails for the first time. The stream goes on without Stdout:
	// files still get everything. It must not call the Stream's Finish.
	OnWriteError func(error)
	// JSONFile gets every event as a line, whole lines in each write, and an end
	// for each package and test that the stream gives none. It may be nil.
	JSONFile io.Writer
	// JUnit asks for a JUnit report, written by Finish. It may be nil.
	JUnit *junit.Options
	// SpoolDir is where outputs go that outgrow memory, in a file without a
	// name. Empty means the system's directory for temporary files.
	SpoolDir string
}

// Stream formats one event stream. Each of ReadOutput and ReadErrors may be
// called once, concurrently with each other; Finish comes after both. Running,
// Progress, Interrupt, Began and Annotate may be called at any time from any goroutine. A Stream
// that was made must be finished: it holds a goroutine and a temporary file.
type Stream struct {
	opts      Options
	out       *screen
	exec      *execution
	view      *renderer
	assembler *assembler
	decoder   decoder
	errors    *errorLog
	file      *eventFile  // nil for none
	seen      atomic.Bool // an event came
	cut       bool        // the last line is the start of one
	stop      atomic.Pointer[interruption]

	notesMu sync.Mutex
	notes   map[string]*Annotation
}

// interruption is when and why the run is being ended.
type interruption struct {
	at     time.Time
	reason string
}

// New returns a Stream, which Finish or Close ends. It fails if the format or the
// icons are unknown; the error names the known ones.
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
	s := &Stream{
		opts:  opts,
		out:   &screen{w: opts.Stdout, onError: opts.OnWriteError},
		exec:  newExecution(),
		notes: make(map[string]*Annotation),
	}
	sp := &spool{dir: opts.SpoolDir}
	s.view = newRenderer(opts.Format, opts, s.out, s.exec, sp)
	s.errors = &errorLog{spool: spool{dir: opts.SpoolDir}}
	s.assembler = &assembler{
		spool:     sp,
		exec:      s.exec,
		view:      s.view,
		junit:     opts.JUnit != nil,
		hold:      opts.JUnit != nil || !opts.NoSummary || s.view.failOutput || s.view.grouped,
		pkgs:      make(map[string]*pkg),
		builds:    make(map[string]*buffer),
		interrupt: s.stop.Load,
		build:     buildScreen(opts),
		errors:    s.errors,
	}
	if opts.JUnit != nil {
		s.view.junit = &junitSink{opts: *opts.JUnit, assembler: s.assembler}
	}
	if opts.JSONFile != nil {
		s.file = newEventFile(opts.JSONFile, s.assembler)
		s.assembler.file = s.file
	}
	return s, nil
}

// buildScreen is where the build's output is shown as it comes, nil if it waits
// for the summary.
func buildScreen(opts Options) io.Writer {
	if opts.BuildToStderr {
		return opts.Stderr
	}
	return nil
}

// ReadOutput reads go's stdout until its end and formats it. What was made of
// the lines is written whenever no more of them are at hand. Its error is that
// of reading, or of a line that may be an event but is too long for memory and
// for SpoolDir: that line is shown, and those after it are read. Errors of writing
// come from Finish (and OnWriteError) and do not end it.
func (s *Stream) ReadOutput(r io.Reader) error {
	holds := enlargePipe(r)
	defer s.flush()
	lines := &lineReader{r: r, idle: s.flush, pace: pace{holds: holds}}
	var unread error
	for {
		piece, whole, err := lines.next()
		switch {
		case err != nil:
			if err != io.EOF {
				unread = reason(err)
			}
			if unread != nil {
				return fmt.Errorf("reading events: %w", unread)
			}
			return nil
		case whole:
			s.line(piece)
		default:
			unread = cmp.Or(unread, s.longLine(piece, lines))
		}
	}
}

// reason is the error of a read without the name of the file, which is that of a
// pipe.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// flush writes what is ready, before the stream waits for more.
func (s *Stream) flush() {
	s.out.flush()
	if s.file != nil {
		s.file.flush()
	}
}

// line takes a line that is in memory, with its end.
func (s *Stream) line(line []byte) {
	ended := line[len(line)-1] == '\n'
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
	ev := s.decoder.decode(line)
	if ev == nil || ev.foreign() {
		s.cut = !ended && startsEvent(line)
		s.plain(line)
		return
	}
	s.event(ev)
}

// startsEvent says whether a line that is no event looks like the start of one.
func startsEvent(line []byte) bool { return bytes.HasPrefix(line, []byte{'{'}) }

// event takes an event in one piece. What the assembler puts into the event
// file in front of an end comes before that end.
func (s *Stream) event(ev *event) {
	s.show(ev)
	s.handle(ev)
	if s.file != nil {
		s.file.event(ev)
	}
}

// show shows an event to the formats that need nothing else. The events of an
// event file's own are no output of go's.
func (s *Stream) show(ev *event) {
	if s.view.straight != nil && (s.view.raw || len(ev.noEnd.raw) == 0) {
		s.view.straight(s.out, ev)
	}
}

func (s *Stream) handle(ev *event) {
	s.seen.Store(true)
	if len(ev.noEnd.raw) > 0 {
		s.heedNoEnd(ev)
		return
	}
	s.assembler.handle(ev)
}

// Seen reports whether an event has come.
func (s *Stream) Seen() bool { return s.seen.Load() }

// plain shows a line that is no event.
func (s *Stream) plain(line []byte) {
	s.out.newline()
	s.out.write(line)
	s.out.write([]byte{'\n'})
}

// ReadErrors reads go's stderr until its end. Lines are shown on Stderr as they
// come, or in formats whose rows they would break kept for the summary: once in
// any case. Its error is that of reading.
func (s *Stream) ReadErrors(r io.Reader) error {
	shown := &screen{w: s.opts.Stderr}
	defer shown.flush()
	lines := &lineReader{r: r, idle: shown.flush}
	for {
		piece, whole, err := lines.next()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading errors: %w", reason(err))
		}
		if !s.view.quiet {
			shown.write(piece)
			if whole && piece[len(piece)-1] != '\n' {
				shown.write([]byte{'\n'})
			}
			continue
		}
		// A line beyond memory becomes several in the summary.
		line := bytes.TrimSuffix(bytes.TrimSuffix(piece, []byte{'\n'}), []byte{'\r'})
		if !goChatter(line) && s.errors.add(line) {
			s.exec.addStderr(line)
		}
	}
}

// Running returns what has started and not ended: packages in the order of
// their start, each followed by its tests in theirs. It never waits for a slow
// Stdout.
func (s *Stream) Running() []Running {
	return s.assembler.snapshot()
}

// Progress says how far the stream is. It may be called as Running may.
func (s *Stream) Progress() Progress {
	return s.assembler.progress()
}

// Interrupt says that the run is being ended, for the given reason ("SIGINT").
// From now on a test or package that has no end event is interrupted rather
// than failed. Later calls change nothing.
func (s *Stream) Interrupt(reason string) {
	s.stop.CompareAndSwap(nil, &interruption{at: time.Now(), reason: reason})
}

// Began says when a test began whose events come later than they happen. If the
// test turns out to be interrupted, its elapsed time counts from there. It may be
// called until Finish, also for a test that has no event yet.
func (s *Stream) Began(pkg, test string, at time.Time) {
	s.assembler.noteBegan(pkg, test, stampOf(at))
}

// SetGoVersion gives the JUnit report the version that its options do not have.
// It must not be called concurrently with Finish.
func (s *Stream) SetGoVersion(version string) {
	if s.view.junit != nil && s.view.junit.opts.GoVersion == "" {
		s.view.junit.opts.GoVersion = version
	}
}

// HideSummary makes Finish write nothing after the stream, as NoSummary does:
// for a run that turns out to be none. It must not be called concurrently with
// Finish.
func (s *Stream) HideSummary() { s.opts.NoSummary = true }

// Close ends the stream in Finish's place if there is nothing to be read and
// nothing to be told: it writes nothing.
func (s *Stream) Close() {
	s.exec.close()
	s.assembler.spool.close()
	s.errors.close()
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
	s.notesMu.Lock()
	defer s.notesMu.Unlock()
	note := s.notes[pkg]
	if note == nil {
		note = new(Annotation)
		s.notes[pkg] = note
	}
	note.Properties = append(note.Properties, a.Properties...)
	note.Errors = append(note.Errors, a.Errors...)
}

// Finish ends the stream: tests that never ended get their end, the caller's
// sections and the summary are written, then the JUnit report. The Report is
// whole in any case. The error joins the first ones of writing to Stdout, to
// JSONFile and to the JUnit report.
func (s *Stream) Finish() (Report, error) {
	defer s.assembler.spool.close()
	defer s.errors.close()
	cut := s.assembler.finish()
	if s.opts.NoSummary && s.view.straight != nil {
		s.view.straight = func(*screen, *event) {} // no empty lines in pure events
	}
	s.assembler.showTimes()
	s.view.cut(cut)
	if s.opts.BeforeSummary != nil {
		s.opts.BeforeSummary(s.out)
	}
	if !s.opts.NoSummary {
		sum := summary{w: s.out, shows: s.opts.Summary, exec: s.exec.exec, assembler: s.assembler, errors: s.errors, unframed: s.view.inTurn}
		sum.print()
	}
	s.flush()
	report := s.assembler.report(s.errors.count)
	report.Empty, report.Cut = !s.Seen(), s.cut
	errs := []error{s.out.err, s.assembler.spool.err}
	if s.file != nil {
		errs = append(errs, s.file.err)
	}
	if s.view.junit != nil {
		reason := ""
		if stop := s.stop.Load(); stop != nil {
			reason = stop.reason
		}
		s.notesMu.Lock()
		defer s.notesMu.Unlock()
		errs = append(errs, s.view.junit.write(s.assembler.sorted(), report, s.notes, reason))
	}
	return report, errors.Join(errs...)
}
