//go:build unix

package isolate

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"pgtest/harness/internal/testtext"
)

// A sink receives what a child printed, in order.
type sink interface {
	raw(b []byte)              // printed to standard output or standard error: any piece of it
	log(test string, b []byte) // a line that the test logged, with its indentation
	crash(b []byte)            // printed by a process that ended badly, about its end
	run(test string)           // a subtest begins
	report(test string, v testtext.Verdict)
	attr(test, key, value string)
	artifacts(test, dir string)
}

const (
	// maxLine bounds a line that is kept until its kind is known.
	maxLine = 64 << 10
	// maxHeld bounds the output that is held because it may explain the end of
	// the process.
	maxHeld = 64 << 10
	// maxCause bounds the beginning of that output, which names the signal.
	maxCause = 256
	// maxAside bounds the output that is kept in case the process ends badly.
	maxAside = 256 << 10
)

// A phase is a part of a child's output.
type phase int

const (
	before phase = iota // the code before the target
	during              // the target, until package testing reports its end
	after               // whatever follows
)

// A stream parses what a child prints and passes it to a sink. Only one
// goroutine may write to it.
//
//	phase    lines of package testing       other lines
//	before   the mark: during               set aside
//	during   subtests and the like: passed  logged and plain ones: passed on;
//	         on; the target's report:       from one that looks like a crash
//	         after                          on, held until there is proof
//	after    a test around the target that  set aside
//	         failed is noted
type stream struct {
	sink   sink
	target string // the test
	mark   string // the line that the child prints where the target begins
	marks  testtext.Marks

	phase   phase
	current string // the test that logs
	failing bool   // an error is being logged, which has an end of its own
	line    []byte // the beginning of a line whose kind is not known yet
	mid     bool   // in a plain line, whose beginning has been passed on
	printed bool   // the last line was a plain one
	aside   []byte
	holding bool
	held    []byte
	cause   []byte // the beginning of what was held

	verdict     testtext.Verdict // on the target, "" while it runs
	outerFailed bool             // a test around the target failed
}

// Write never fails.
func (s *stream) Write(b []byte) (int, error) {
	s.line = append(s.line, b...)
	rest := s.marks.Units(s.line, s.unit)
	if whole := rest[:s.marks.Whole(rest)]; len(whole) > 0 && s.mayBePlain(whole) && (s.mid || mustBePlain(whole)) || len(whole) > maxLine {
		s.long(whole)
		rest = rest[len(whole):]
	}
	s.line = append(s.line[:0], rest...)
	return len(b), nil
}

// long takes the beginning of a line that is plain, or too long to be kept.
func (s *stream) long(b []byte) {
	if s.failing || s.beginsError(b) {
		text, last := s.marks.Error(b)
		b, s.failing = text, !last
	}
	s.plain(b)
	s.mid, s.printed = true, true
}

// mayBePlain reports whether b begins neither framing nor an error, and is no
// part of an error.
func (s *stream) mayBePlain(b []byte) bool {
	return b[0] != testtext.Marker[0] && !s.failing && !s.marks.BeginsError(b)
}

// mustBePlain reports whether the line that begins with b, where it may be
// plain, can be neither a log line nor tell of a crash.
func mustBePlain(b []byte) bool {
	could := func(prefix string) bool {
		n := min(len(b), len(prefix))
		return string(b[:n]) == prefix[:n]
	}
	return !could(testtext.LogIndent) && !slices.ContainsFunc(crashPrefixes, could)
}

// crashPrefixes begin the lines in which the Go runtime says why it ends the
// process.
var crashPrefixes = []string{"panic: ", "fatal error: ", "runtime: ", "SIG", "unexpected fault address "}

func looksLikeCrash(line []byte) bool {
	return slices.ContainsFunc(crashPrefixes, func(prefix string) bool { return bytes.HasPrefix(line, []byte(prefix)) })
}

func (s *stream) unit(u []byte) {
	mid := s.mid
	s.mid = u[len(u)-1] != '\n'
	switch {
	case s.failing || s.beginsError(u):
		s.error(u, mid)
	case u[0] == testtext.Marker[0]:
		s.printed = !s.framing(string(u))
		if s.printed {
			s.plain(u)
		}
	case mid:
		s.plain(u)
	case s.phase == during && !s.holding && s.isLog(u):
		s.printed = false
		s.sink.log(s.current, s.marks.Log(u))
	default:
		s.holding = s.holding || s.phase == during && looksLikeCrash(u)
		s.printed = true
		s.plain(u)
	}
}

// beginsError reports whether an error begins with the unit. A test may print
// the mark itself, so the indentation is checked, too.
func (s *stream) beginsError(u []byte) bool {
	return s.marks.BeginsError(u) && bytes.HasPrefix(u[1:], []byte(testtext.LogIndent))
}

// error takes a line of an error that the test logged. mid says that the
// beginning of the line was plain.
func (s *stream) error(u []byte, mid bool) {
	if u[0] == testtext.Marker[0] {
		// The error has lost its end. What follows is taken as it is.
		s.failing = false
		s.unit(u)
		return
	}
	mid = mid && !s.marks.BeginsError(u)
	text, last := s.marks.Error(u)
	s.failing = !last
	if s.phase != during || s.holding || mid || !bytes.HasPrefix(text, []byte(testtext.LogIndent)) {
		s.plain(text)
		return
	}
	s.printed = false
	s.sink.log(s.current, text)
}

// callSite matches the beginning of what t.Log and its like write.
var callSite = regexp.MustCompile(`^ {4}(\S.*\.go|\?\?\?):[0-9]+: `)

// isLog reports whether the test logged the line. Without a call site, an
// indented line is a further line of a log entry, or was written to t.Output,
// or printed. The last is likely if a printed line came before it.
func (s *stream) isLog(line []byte) bool {
	return bytes.HasPrefix(line, []byte(testtext.LogIndent)) && (!s.printed || callSite.Match(line))
}

// plain takes a piece of output that is neither framing nor logged.
func (s *stream) plain(b []byte) {
	switch {
	case s.phase != during:
		s.aside = append(s.aside, b[:min(len(b), maxAside-len(s.aside))]...)
	case s.holding:
		s.held = append(s.held, b...)
		s.cause = append(s.cause, b[:min(len(b), maxCause-len(s.cause))]...)
		if len(s.held) > maxHeld {
			s.sink.crash(s.held)
			s.held = s.held[:0]
		}
	default:
		s.sink.raw(b)
	}
}

// release passes on what was held, because the process goes on.
func (s *stream) release() {
	if len(s.held) > 0 {
		s.sink.raw(s.held)
	}
	s.held, s.cause, s.holding = nil, nil, false
}

// finish passes on what is left at the end of the output. bad says that the
// process ended badly.
func (s *stream) finish(bad bool) {
	if len(s.line) > 0 {
		s.plain(s.line)
		s.line = nil
	}
	if !bad {
		s.release()
		return
	}
	if text := append(s.held, s.aside...); len(text) > 0 {
		s.sink.crash(text)
	}
}

// framing takes a line that begins with a marker. It reports whether package
// testing wrote the line about a test.
func (s *stream) framing(text string) bool {
	if text == s.mark && s.phase == before {
		s.phase, s.current, s.aside = during, s.target, nil
		return true
	}
	text, whole := strings.CutSuffix(text[len(testtext.Marker):], "\n")
	line := testtext.ParseLine(text)
	switch {
	case !whole || line.Kind == testtext.None || line.Kind == testtext.End:
		return false
	case line.Kind == testtext.Report:
		s.reported(line.Verdict, line.Test)
	case s.phase == during:
		s.release()
		s.update(line)
	}
	return true
}

// update takes a line that says which test goes on, and how.
func (s *stream) update(line testtext.Line) {
	s.current = line.Test
	switch line.Kind {
	case testtext.Run:
		s.sink.run(line.Test)
	case testtext.Attr:
		key, value, _ := strings.Cut(line.Rest, " ")
		s.sink.attr(line.Test, key, value)
	case testtext.Artifacts:
		s.sink.artifacts(line.Test, line.Rest)
	}
}

func (s *stream) reported(v testtext.Verdict, name string) {
	switch {
	case s.phase == during && name == s.target:
		s.release()
		s.phase, s.verdict = after, v
	case s.phase == during:
		s.release()
		s.sink.report(name, v)
	case s.phase == after && v == testtext.Fail && isBelow(s.target, name):
		s.outerFailed = true
	}
}
