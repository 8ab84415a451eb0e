package jsonstream

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"

	"gotest.tools/gotestsum/testjson"
	"pgtest/jsonstream/junit"
	"pgtest/jsonstream/result"
)

// Options say what a [Stream] makes of its events.
type Options struct {
	// Stdout gets the formatted output and the summary, always from one
	// goroutine at a time, until a write fails: the stream goes on without it, so
	// that files still get everything. nil discards them.
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
	// Resources adds a table of what each package used to the sections before the
	// summary, if the run notes it ([result.Usage]). With NoSummary the sections go
	// to Stderr.
	Resources bool
	// Notices gets a line for each note that the user is to see at once. The
	// goroutine that calls [Stream.Note] writes it. nil discards them.
	Notices io.Writer
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
// Progress and Note may be called at any time from any goroutine. A Stream
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
	stop      atomic.Pointer[result.Interruption]
	goVersion atomic.Pointer[result.GoVersion]
	refused   atomic.Bool // there was no run
	notes     notes
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
		opts: opts,
		out:  &screen{w: opts.Stdout},
		exec: newExecution(),
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
// come from Finish and do not end it.
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
func (s *Stream) Running() []result.Running {
	return s.assembler.snapshot()
}

// Progress says how far the stream is. It may be called as Running may.
func (s *Stream) Progress() result.Progress {
	return s.assembler.progress()
}

// Note takes in a fact of the run. It may be called at any time from any
// goroutine, until Finish; only a [result.Message] still makes sense after it.
// Notes about a package that the stream never has are in no JUnit report.
func (s *Stream) Note(n result.Note) {
	switch n := n.(type) {
	case result.Interruption:
		s.stop.CompareAndSwap(nil, &n)
	case result.Began:
		s.assembler.noteBegan(n.Package, n.Test, stampOf(n.At))
	case result.Refusal:
		s.refused.Store(true)
	case result.GoVersion:
		s.goVersion.Store(&n)
	case result.Usage, result.Leaks, result.Timeout:
		s.notes.add(n)
	}
	if line := notice(n); line != "" && s.opts.Notices != nil {
		io.WriteString(s.opts.Notices, line+"\n")
	}
}

// Close ends the stream in Finish's place if there is nothing to be read and
// nothing to be told: it writes nothing.
func (s *Stream) Close() {
	s.exec.close()
	s.assembler.spool.close()
	s.errors.close()
}

// Finish ends the stream: tests that never ended get their end, the run's
// sections and the summary are written, then the JUnit report. The Report is
// whole in any case. The error joins the first ones of writing to Stdout, to
// JSONFile and to the JUnit report.
func (s *Stream) Finish() (result.Report, error) {
	defer s.assembler.spool.close()
	defer s.errors.close()
	cut := s.assembler.finish()
	silent := s.opts.NoSummary || s.refused.Load()
	if silent && s.view.straight != nil {
		s.view.straight = func(*screen, *event) {} // no empty lines in pure events
	}
	s.assembler.showTimes()
	s.view.cut(cut)
	s.printSections()
	if !silent {
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
			reason = stop.Reason
		}
		if v := s.goVersion.Load(); v != nil && s.view.junit.opts.GoVersion == "" {
			s.view.junit.opts.GoVersion = string(*v)
		}
		errs = append(errs, s.view.junit.write(s.assembler.sorted(), report, annotations(&s.notes), reason))
	}
	return report, errors.Join(errs...)
}

// printSections writes what the run noted about packages. With NoSummary Stdout
// is for events or lists alone.
func (s *Stream) printSections() {
	var w io.Writer = s.out
	if s.opts.NoSummary {
		w = s.opts.Stderr
	}
	if s.opts.Resources {
		s.notes.printResources(w)
	}
	s.notes.printLeaks(w)
}
