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

	"pgtest/jsonstream/ci"
	"pgtest/jsonstream/event"
	"pgtest/jsonstream/format"
	"pgtest/jsonstream/internal/spool"
	"pgtest/jsonstream/jsonfile"
	"pgtest/jsonstream/junit"
	"pgtest/jsonstream/quarantine"
	"pgtest/jsonstream/report"
	"pgtest/jsonstream/result"
	"pgtest/jsonstream/section"
	"pgtest/jsonstream/sink"
	"pgtest/jsonstream/timeline"
	"pgtest/jsonstream/trace"
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
	// Terse leaves out of standard-verbose what go test prints with -v alone:
	// what remains is what it prints while benchmarks or a fuzz test run
	// without.
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
	// Resources adds a table of what each package used to the sections before
	// the summary, if the run notes it ([result.Usage]). With NoSummary the
	// sections go to Stderr.
	Resources bool
	// Notices gets a line for each note that the user is to see at once. The
	// goroutine that calls [Stream.Note] writes it. nil discards them.
	Notices io.Writer
	// JSONFile gets every event as a line, whole lines in each write, and an end
	// for each package and test that the stream gives none. It may be nil.
	JSONFile io.Writer
	// TimingFile gets the same, but only ends of packages and tests. It may be nil.
	TimingFile io.Writer
	// History is an output that gets the same as JSONFile as Writer, then the
	// results as Sink. It may be nil.
	History History
	// JUnit asks for a JUnit report, written by Finish. It may be nil.
	JUnit *junit.Options
	// Report asks for a page about the run, written by Finish. It may be nil.
	Report *report.Options
	// CI is the system whose log Stdout is for; "" is none. If Stdout is for events
	// or lists alone, they are in no way changed.
	CI ci.System
	// Places finds what annotations are about. It may be nil.
	Places sink.Places
	// Timeline gets the timeline of the run in the Trace Event format, written by
	// Finish. It may be nil.
	Timeline io.Writer
	// Quarantine, unless nil, decides what failures mean. It is not shared with
	// other streams.
	Quarantine *quarantine.Watch
	// Slowest is how many of the slowest packages and tests a section before the
	// summary shows. With NoSummary it goes to Stderr.
	Slowest int
	// Summaries get a summary in Markdown, written by Finish.
	Summaries []ci.Summary
	// Rounds says that other rounds may follow the first. The stream then keeps
	// what it takes to tell which tests these should run.
	Rounds bool
	// PlainToStderr shows lines that are no events on Stderr.
	PlainToStderr bool
	// Failed, unless nil, is called with the number of failures so far when
	// there is another one, by the goroutine that reads. Failures are those of
	// the summary: tests, and packages that failed without a failed test.
	Failed func(failures int)
	// SpoolDir is where outputs go that outgrow memory, in a file without a
	// name. Empty means the system's directory for temporary files.
	SpoolDir string
}

// A History takes events and results of a run. Neither waits for long nor fails.
type History interface {
	io.Writer
	sink.Sink
}

// Stream makes results of one event stream, and outputs of these. Each of
// ReadOutput and ReadErrors may be called once a round, concurrently with each
// other; EndRound, NextRound and Finish come after both. Running, Progress and
// Note may be called at any time from any goroutine. A Stream that was made must
// be finished or closed: it may hold a temporary file.
type Stream struct {
	opts    Options
	out     *sink.Screen
	quiet   bool // go's standard error would break the format's rows
	sinks   []sink.Sink
	events  []sink.Sink // those that want every event
	passed  []sink.Sink // those that want tests that passed
	results *result.Results
	decoder event.Decoder
	spool   *spool.Spool
	errors  *result.Errors
	seen    atomic.Bool // an event came
	waits   atomic.Bool // a package waited before its tests began
	cut     bool        // the last line is the start of one
	failed  int         // failures so far

	turn sync.Mutex // held by whoever uses results; free while the stream waits for lines

	mu    sync.Mutex
	notes []result.Note // for the sinks, which get them at the end
}

// New returns a Stream, which Finish or Close ends. It fails if the format or the
// icons are unknown; the error names the known ones.
func New(opts Options) (*Stream, error) {
	opts.Format = cmp.Or(opts.Format, "pkgname")
	if err := format.Check(opts.Format); err != nil {
		return nil, err
	}
	if err := format.CheckIcons(opts.Icons); err != nil {
		return nil, err
	}
	if opts.Stdout == nil {
		opts.Stdout = io.Discard
	}
	if opts.Stderr == nil {
		opts.Stderr = io.Discard
	}
	s := &Stream{
		opts:   opts,
		out:    sink.NewScreen(opts.Stdout),
		quiet:  !format.WritesLines(opts.Format),
		spool:  spool.New(opts.SpoolDir),
		errors: result.NewErrors(opts.SpoolDir),
	}
	if opts.CI == "" && opts.Format == string(ci.TeamCity) {
		s.opts.CI = ci.TeamCity
	}
	if s.opts.forPeople() {
		s.out.Guard(s.opts.CI.Guard())
	}
	s.addSinks()
	needs := sink.Of(s.sinks)
	s.results = result.New(result.Options{
		Spool: s.spool, Outputs: needs.Outputs || opts.Rounds, Passed: needs.Passed, Passes: opts.Rounds || opts.Failed != nil, Watcher: s,
		BuildShown: opts.BuildToStderr, Errors: s.errors,
	})
	return s, nil
}

// ShowsBuilds reports whether an output shows what builds and processes did, which
// the run then notes ([result.Build], [result.Process]).
func (o Options) ShowsBuilds() bool { return o.Timeline != nil || o.Report != nil || o.Slowest > 0 }

// forPeople reports whether Stdout has more than events or lists.
func (o Options) forPeople() bool { return !o.NoSummary && o.Format != "standard-json" }

// fold is what folds outputs in the summary.
func (o Options) fold() *sink.Fold {
	if !o.forPeople() {
		return nil
	}
	return o.CI.Fold()
}

// addSinks makes the sinks that the options ask for, in the order in which they
// write what comes at the end.
func (s *Stream) addSinks() {
	o := s.opts
	s.add(format.New(format.Options{
		Format: o.Format, Icons: o.Icons, HideEmptyPackages: o.HideEmptyPackages, Terse: o.Terse, Pure: o.NoSummary,
		Out: s.out, Spool: s.spool, Errors: s.errors,
	}))
	if o.Format == string(ci.TeamCity) {
		s.add(ci.NewTeamCity(s.out))
	}
	if o.BuildToStderr {
		s.add(&buildOutput{w: o.Stderr})
	}
	var sections io.Writer = s.out
	if o.NoSummary {
		sections = o.Stderr // Stdout is for events or lists alone
	}
	if o.Resources {
		s.add(section.Resources(sections))
	}
	s.add(section.Leaks(sections))
	s.add(section.Stress(sections))
	if o.Slowest > 0 {
		s.add(section.Slowest(sections, o.Slowest))
	}
	if o.NoSummary {
		s.add(section.Coverage(sections))
	} else {
		s.add(format.NewSummary(format.Summary{
			Out: s.out, Shows: o.Summary, Errors: s.errors, Unframed: format.InTurn(o.Format), Fold: o.fold(),
		}))
	}
	if o.forPeople() && o.CI.Annotates() {
		s.add(o.CI.Annotations(s.out, o.Places))
	}
	for _, summary := range o.Summaries {
		s.add(ci.NewSummary(summary))
	}
	if o.JSONFile != nil {
		s.add(jsonfile.New(o.JSONFile, o.Rounds))
	}
	if o.TimingFile != nil {
		s.add(jsonfile.NewTiming(o.TimingFile))
	}
	if o.History != nil {
		s.add(jsonfile.New(o.History, o.Rounds))
		s.add(o.History)
	}
	var collector *timeline.Collector
	if o.Timeline != nil || o.Report != nil {
		collector = timeline.NewCollector()
		s.add(collector)
	}
	if o.Timeline != nil {
		s.add(trace.New(o.Timeline, collector))
	}
	if o.JUnit != nil {
		s.add(junit.New(*o.JUnit, s.spool))
	}
	if o.Report != nil {
		s.add(report.New(*o.Report, s.spool, collector))
	}
}

func (s *Stream) add(k sink.Sink) {
	s.sinks = append(s.sinks, k)
	needs := k.Needs()
	if needs.Events {
		s.events = append(s.events, k)
	}
	if needs.Passed {
		s.passed = append(s.passed, k)
	}
}

// buildOutput shows what the build prints as it comes.
type buildOutput struct {
	sink.None
	w       io.Writer
	scratch []byte
}

func (b *buildOutput) Needs() sink.Needs { return sink.Needs{Events: true} }

func (b *buildOutput) Event(ev *event.Event, _ *result.Package) {
	if ev.Kind == event.BuildOutput && len(ev.NoEnd.Raw) == 0 {
		b.w.Write(ev.Output.Bytes(&b.scratch))
	}
}

// ReadOutput reads go's stdout until its end and formats it. What was made of
// the lines is written whenever no more of them are at hand. Its error is that
// of reading, or of a line that may be an event but is too long for memory and
// for SpoolDir: that line is shown, and those after it are read. Errors of
// writing come from Finish and do not end it.
func (s *Stream) ReadOutput(r io.Reader) error {
	holds := event.EnlargePipe(r)
	s.turn.Lock()
	defer s.turn.Unlock()
	defer s.flush()
	lines := event.NewLines(yielding{r, &s.turn}, holds, s.flush)
	var unread error
	for {
		piece, whole, err := lines.Next()
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

// yielding gives up the turn while it waits for more to read.
type yielding struct {
	r    io.Reader
	turn *sync.Mutex
}

func (y yielding) Read(p []byte) (int, error) {
	y.turn.Unlock()
	defer y.turn.Lock()
	return y.r.Read(p)
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
	s.out.Flush()
	for _, k := range s.sinks {
		k.Flush()
	}
}

// line takes a line that is in memory, with its end.
func (s *Stream) line(line []byte) {
	ended := line[len(line)-1] == '\n'
	line = trimEnd(line)
	ev := s.decoder.Decode(line)
	if ev == nil || ev.Foreign() {
		s.cut = !ended && startsEvent(line)
		s.plain(line)
		return
	}
	if s.waits.Load() {
		ev = s.withoutWait(ev)
	}
	if s.opts.Quarantine != nil {
		if lines, changed := s.opts.Quarantine.Take(ev); changed {
			for _, line := range lines {
				s.event(s.decoder.Decode(line))
			}
			return
		}
	}
	s.event(ev)
}

func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
}

// startsEvent says whether a line that is no event looks like the start of one.
func startsEvent(line []byte) bool { return bytes.HasPrefix(line, []byte{'{'}) }

// event takes an event, or a piece of one.
func (s *Stream) event(ev *event.Event) {
	s.seen.Store(true)
	var p *result.Package
	if len(ev.NoEnd.Raw) > 0 {
		s.fileEvent(ev)
	} else {
		p = s.results.Handle(ev)
	}
	for _, k := range s.events {
		k.Event(ev, p)
	}
}

// fileEvent takes an event that an event file added. Rounds of a file are those
// of the stream, unless it has others of its own.
func (s *Stream) fileEvent(ev *event.Event) {
	round := ev.Round()
	note := jsonfile.ReadNote(ev)
	switch {
	case note != nil:
		s.keep(note)
	case round == 0:
		jsonfile.Read(ev, s.results)
	case s.opts.Rounds:
	case round == 1:
		s.results.CountPasses()
	case round == s.results.Rounds()+1:
		s.results.EndRound()
		s.nextRound()
	}
}

// TestEnded and PackageEnded pass on what the results say.
func (s *Stream) TestEnded(t *result.Test) {
	if t.End().Failed() {
		s.countFailure()
	}
	sinks := s.sinks
	if t.End() == result.Passed {
		sinks = s.passed
	}
	for _, k := range sinks {
		k.TestEnded(t)
	}
}

func (s *Stream) PackageEnded(p *result.Package) {
	if p.End().Failed() && len(p.Failed) == 0 {
		s.countFailure()
	}
	for _, k := range s.sinks {
		k.PackageEnded(p)
	}
}

func (s *Stream) countFailure() {
	s.failed++
	if s.opts.Failed != nil {
		s.opts.Failed(s.failed)
	}
}

// Seen reports whether an event has come.
func (s *Stream) Seen() bool { return s.seen.Load() }

// plain shows a line that is no event.
func (s *Stream) plain(line []byte) {
	if s.opts.PlainToStderr {
		s.opts.Stderr.Write(append(bytes.Clone(line), '\n'))
		return
	}
	s.out.Newline()
	s.out.Write(line)
	s.out.Write([]byte{'\n'})
}

// ReadErrors reads go's stderr until its end. Lines are shown on Stderr as they
// come, or in formats whose rows they would break kept for the summary: once in
// any case. Its error is that of reading.
func (s *Stream) ReadErrors(r io.Reader) error {
	shown := sink.NewScreen(s.opts.Stderr)
	defer shown.Flush()
	lines := event.NewLines(r, 0, shown.Flush)
	for {
		piece, whole, err := lines.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("reading errors: %w", reason(err))
		case s.quiet:
			s.errors.AddStderr(trimEnd(piece)) // a line beyond memory becomes several
			continue
		}
		shown.Write(piece)
		if whole && piece[len(piece)-1] != '\n' {
			shown.Write([]byte{'\n'})
		}
	}
}

// Running returns what has started and not ended: packages in the order of
// their start, each followed by its tests in theirs. It never waits for a slow
// Stdout.
func (s *Stream) Running() []result.Running { return s.results.Running() }

// Progress says how far the stream is. It may be called as Running may.
func (s *Stream) Progress() result.Progress { return s.results.Progress() }

// Ended reports whether a package has its result. It may be called as Running
// may.
func (s *Stream) Ended(path string) bool { return s.results.Ended(path) }

// Look calls f with the results as they are between two lines. It reports false,
// and f is not called, if the stream is busy for longer than a moment: it may wait
// for a slow Stdout. It may be called from any goroutine until Finish.
func (s *Stream) Look(f func(*result.Results)) bool {
	for end := time.Now().Add(lookPatience); !s.turn.TryLock(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	defer s.turn.Unlock()
	f(s.results)
	return true
}

const lookPatience = 200 * time.Millisecond

// Note takes in a fact of the run. It may be called at any time from any
// goroutine, until Finish; only a [result.Message] still makes sense after it.
// Notes about a package that the stream never has are in no JUnit report.
func (s *Stream) Note(n result.Note) {
	switch n := n.(type) {
	case result.Interruption:
		s.results.Interrupt(n)
	case result.Began:
		s.results.Began(n)
	case result.Waited:
		if !n.Process {
			s.results.Waited(n)
			s.waits.Store(true)
		}
		s.keep(n)
	default:
		s.keep(n)
	}
	if line := result.Notice(n); line != "" && s.opts.Notices != nil {
		io.WriteString(s.opts.Notices, line+"\n")
	}
}

// keep has a note for the sinks.
func (s *Stream) keep(n result.Note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = append(s.notes, n)
}

// Close releases a Stream that is not to be finished. It writes nothing.
func (s *Stream) Close() {
	s.spool.Close()
	s.errors.Close()
}

// EndRound gives what has no end in the present round one, and says what came of
// each package in it.
func (s *Stream) EndRound() []result.PackageReport {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.results.EndRound()
	return s.results.Round()
}

// NextRound begins another round after EndRound: its events are those of tests
// that run again.
func (s *Stream) NextRound() {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.nextRound()
}

// nextRound is NextRound for the goroutine whose turn it is.
func (s *Stream) nextRound() {
	for _, k := range s.sinks {
		k.NextRound(s.results)
	}
	s.flush()
	s.results.NextRound()
}

// Finish ends the stream: tests that never ended get their end, the run's
// sections and the summary are written, then the files. The Report is whole in
// any case. The error joins the first ones of writing to Stdout, to JSONFile
// and to the reports.
func (s *Stream) Finish() (result.Report, error) {
	s.turn.Lock() // for good: the outputs go
	defer s.spool.Close()
	defer s.errors.Close()
	s.results.EndRound()
	s.mu.Lock()
	notes := s.notes
	s.mu.Unlock()
	for _, n := range notes {
		if n, ok := n.(result.Unreached); ok {
			s.results.Reach(n)
		}
	}
	var errs []error
	for _, k := range s.sinks {
		for _, n := range notes {
			k.Note(n)
		}
		errs = append(errs, k.Close(s.results))
		s.out.Flush()
	}
	s.out.Resume()
	s.out.Flush()
	report := s.results.Report()
	report.Empty, report.Cut = !s.Seen(), s.cut
	return report, errors.Join(append([]error{s.out.Err(), s.spool.Err()}, errs...)...)
}
