package junit

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"pgtest/jsonstream/sink"
)

// Counts are the totals of a suite or of a report.
type Counts struct {
	Tests, Failures, Errors, Skipped int
}

// Suite is the head of a testsuite element.
type Suite struct {
	Name string
	Counts
	Time       time.Duration
	Timestamp  time.Time // left out if zero
	Properties []Property
}

// Outcome says which element a testcase has.
type Outcome uint8

// A testcase passes without an element.
const (
	Pass Outcome = iota
	Failure
	Error
	Skip
)

var elements = [...]string{Failure: "failure", Error: "error", Skip: "skipped"}

// Case is one testcase.
type Case struct {
	ClassName, Name string
	Outcome         Outcome
	Run                        // the one that made the outcome
	Test            sink.Place // of the test's function
	Properties      []Property
	Out             []byte // the text of system-out, escaped
	// Attempts are other runs of the test, in the order in which they failed.
	// Each is a flakyFailure if the case passes in the end, else a rerunFailure.
	Attempts []Run
}

// Run is a run of a test.
type Run struct {
	Time          time.Duration
	Started       time.Time
	Type, Message string // attributes of the element for a run that did not pass, if not empty
	Body          Body   // its text
	At            sink.Place
}

// Body is a text of a known size.
type Body struct {
	Text iter.Seq[[]byte] // nil for none
	Size int64
}

// text returns a Body of a string.
func text(s string) Body { return Body{slices.Values([][]byte{[]byte(s)}), int64(len(s))} }

// Writer writes one report. Its methods are called in the order Begin,
// (BeginSuite, Case or Kept any number of times, EndSuite) any number of times,
// End. Text may be any bytes: what XML cannot hold becomes U+FFFD.
type Writer struct {
	w      *bufio.Writer
	schema Schema
	limit  int64 // of a Body, negative for none
}

// NewWriter returns a Writer to out.
func NewWriter(out io.Writer, s Schema, limit int64) *Writer {
	return &Writer{bufio.NewWriterSize(out, 16<<10), s, limit}
}

// Begin opens the report. An empty name is left out, and so is a start that is
// zero.
func (w *Writer) Begin(name string, c Counts, d time.Duration, started time.Time) {
	w.w.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<testsuites")
	if name != "" {
		w.attr("name", name)
	}
	w.counts(c)
	if w.schema == Extended {
		w.attr("skipped", strconv.Itoa(c.Skipped))
	}
	w.attr("time", seconds(d))
	if w.schema == Extended && !started.IsZero() {
		w.attr("timestamp", started.Format(timestamp))
	}
	w.w.WriteString(">\n")
}

// timestamp is RFC 3339 with milliseconds.
const timestamp = "2006-01-02T15:04:05.000Z07:00"

func (w *Writer) counts(c Counts) {
	w.attr("tests", strconv.Itoa(c.Tests))
	w.attr("failures", strconv.Itoa(c.Failures))
	w.attr("errors", strconv.Itoa(c.Errors))
}

// BeginSuite opens a testsuite.
func (w *Writer) BeginSuite(s Suite) {
	w.w.WriteString("\t<testsuite")
	w.attr("name", s.Name)
	w.counts(s.Counts)
	w.attr("skipped", strconv.Itoa(s.Skipped))
	w.attr("time", seconds(s.Time))
	switch {
	case s.Timestamp.IsZero():
	case w.schema == Strict:
		w.attr("timestamp", s.Timestamp.Format(time.RFC3339))
	default:
		w.attr("timestamp", s.Timestamp.Format(timestamp))
	}
	w.w.WriteString(">\n")
	w.w.Write(appendProperties(nil, "\t\t", s.Properties))
}

func appendProperties(dst []byte, indent string, properties []Property) []byte {
	if len(properties) == 0 {
		return dst
	}
	dst = append(append(dst, indent...), "<properties>\n"...)
	for _, p := range properties {
		dst = appendProperty(append(dst, indent...), p)
	}
	return append(append(dst, indent...), "</properties>\n"...)
}

func appendProperty(dst []byte, p Property) []byte {
	dst = append(dst, "\t<property"...)
	dst = appendAttr(dst, "name", p.Name)
	dst = appendAttr(dst, "value", p.Value)
	return append(dst, "/>\n"...)
}

// Case writes a testcase.
func (w *Writer) Case(c Case) {
	w.w.Write(appendOpen(w.w.AvailableBuffer(), c, w.schema))
	if c.Outcome == Pass && len(c.Attempts)+len(c.Properties)+len(c.Out) == 0 {
		w.w.WriteString("/>\n")
		return
	}
	w.w.WriteString(">\n")
	w.w.Write(appendProperties(nil, "\t\t\t", c.Properties))
	attempt := "flakyFailure"
	if c.Outcome != Pass {
		w.element(elements[c.Outcome], c.Run, false)
		w.body(c.Run)
		w.w.WriteString("</" + elements[c.Outcome] + ">\n")
		attempt = "rerunFailure"
	}
	for _, a := range c.Attempts {
		w.element(attempt, a, true)
		w.w.WriteString("<stackTrace>")
		w.body(a)
		w.w.WriteString("</stackTrace></" + attempt + ">\n")
	}
	w.w.Write(appendOut(w.w.AvailableBuffer(), c.Out))
	w.w.WriteString("\t\t</testcase>\n")
}

// element opens an element of a testcase.
func (w *Writer) element(name string, r Run, attempt bool) {
	w.w.WriteString("\t\t\t<" + name)
	if r.Message != "" {
		w.attr("message", r.Message[:w.messageLength(r.Message)])
	}
	if r.Type != "" {
		w.attr("type", r.Type)
	}
	if w.schema == Extended {
		if attempt {
			w.attr("time", seconds(r.Time))
		}
		if attempt && !r.Started.IsZero() {
			w.attr("timestamp", r.Started.Format(timestamp))
		}
		w.w.Write(appendPlace(w.w.AvailableBuffer(), r.At))
	}
	w.w.WriteByte('>')
}

// messageLength is how much of a message is written: less if a run may not say
// much.
func (w *Writer) messageLength(message string) int {
	n := len(message)
	if w.schema == Extended && w.limit >= 0 {
		n = min(n, 1000, max(100, int(min(w.limit, 4000))/4))
	}
	for n < len(message) && n > 0 && !utf8.RuneStart(message[n]) {
		n--
	}
	return n
}

// body writes what a run printed, or else its message: to GitLab a failure
// without text is none.
func (w *Writer) body(r Run) {
	if r.Body.Size == 0 && w.schema == Extended {
		r.Body = text(r.Message)
	}
	for text := range cut(r.Body, w.limit) {
		w.w.Write(appendEscaped(w.w.AvailableBuffer(), text, false))
	}
}

func appendOut(dst, out []byte) []byte {
	if len(out) == 0 {
		return dst
	}
	return append(append(append(dst, "\t\t\t<system-out>"...), out...), "</system-out>\n"...)
}

// AppendKept appends a testcase that passed, for Kept, which may add properties.
// Reports with many tests keep them so.
func AppendKept(dst []byte, c Case, s Schema) []byte {
	dst = appendOpen(dst, c, s)
	if len(c.Properties)+len(c.Out) == 0 {
		return dst
	}
	dst = append(dst, mark)
	for _, p := range c.Properties {
		dst = appendProperty(append(dst, "\t\t\t"...), p)
	}
	dst = append(dst, mark)
	return appendOut(dst, c.Out)
}

// mark is between the parts of a testcase that is kept: what opens it, its
// properties, and its other elements. XML has no such byte.
const mark = 0

// Kept writes a testcase that AppendKept made, with more properties.
func (w *Writer) Kept(kept []byte, more []Property) {
	open, rest, _ := bytes.Cut(kept, []byte{mark})
	properties, rest, _ := bytes.Cut(rest, []byte{mark})
	w.w.Write(open)
	if len(properties)+len(rest)+len(more) == 0 {
		w.w.WriteString("/>\n")
		return
	}
	w.w.WriteString(">\n")
	if len(properties)+len(more) > 0 {
		w.w.WriteString("\t\t\t<properties>\n")
		w.w.Write(properties)
		for _, p := range more {
			w.w.WriteString("\t\t\t")
			w.w.Write(appendProperty(w.w.AvailableBuffer(), p))
		}
		w.w.WriteString("\t\t\t</properties>\n")
	}
	w.w.Write(rest)
	w.w.WriteString("\t\t</testcase>\n")
}

// appendName appends what begins a testcase of a name, and no other.
func appendName(dst []byte, name string) []byte {
	return appendAttr(append(dst, "\t\t<testcase"...), "name", name)
}

func appendOpen(dst []byte, c Case, s Schema) []byte {
	dst = appendName(dst, c.Name)
	dst = appendAttr(dst, "classname", c.ClassName)
	dst = appendAttr(dst, "time", "")
	dst = append(appendSeconds(dst[:len(dst)-1], c.Time), '"')
	if s == Strict {
		return dst
	}
	if !c.Started.IsZero() {
		dst = append(dst, ` timestamp="`...)
		dst = append(c.Started.AppendFormat(dst, timestamp), '"')
	}
	// The file is that of the test, by which Trunk and Datadog know it again. A
	// failure elsewhere has its own.
	place := c.Test
	if place.File == "" || c.At.File == place.File {
		place = sink.Place{File: cmp.Or(c.At.File, place.File), Line: cmp.Or(c.At.Line, place.Line)}
	}
	return appendPlace(dst, place)
}

func appendPlace(dst []byte, p sink.Place) []byte {
	if p.File == "" {
		return dst
	}
	dst = appendAttr(dst, "file", p.File)
	dst = append(dst, ` line="`...)
	return append(strconv.AppendInt(dst, int64(p.Line), 10), '"')
}

// EndSuite closes a testsuite.
func (w *Writer) EndSuite() { w.w.WriteString("\t</testsuite>\n") }

// End closes the report and returns the first error of writing it.
func (w *Writer) End() error {
	w.w.WriteString("</testsuites>\n")
	return w.w.Flush()
}

func (w *Writer) attr(name, value string) {
	w.w.Write(appendAttr(w.w.AvailableBuffer(), name, value))
}

func appendAttr(dst []byte, name, value string) []byte {
	dst = append(append(append(dst, ' '), name...), '=', '"')
	return append(appendEscaped(dst, []byte(value), true), '"')
}

func seconds(d time.Duration) string { return string(appendSeconds(nil, d)) }

// appendSeconds writes seconds as the schema's SUREFIRE_TIME: digits with up to
// three decimals.
func appendSeconds(dst []byte, d time.Duration) []byte {
	ms := max(d, 0).Milliseconds()
	return fmt.Appendf(dst, "%d.%03d", ms/1000, ms%1000)
}

// appendEscaped appends s as XML text, or as the value of an attribute, in
// which parsers turn plain newlines and tabs into spaces. Every > is escaped,
// and so the end of a CDATA section, which text must not hold either.
func appendEscaped(dst, s []byte, attr bool) []byte {
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if 0x20 <= c && c < utf8.RuneSelf && c != '&' && c != '<' && c != '>' && c != '"' && c != 0x7f {
			i++
			continue
		}
		size, with := 1, ""
		switch {
		case c == '&':
			with = "&amp;"
		case c == '<':
			with = "&lt;"
		case c == '>':
			with = "&gt;"
		case c == '"' && attr:
			with = "&quot;"
		case c == '\r':
			with = "&#xD;"
		case c == '\n' && attr:
			with = "&#xA;"
		case c == '\t' && attr:
			with = "&#x9;"
		case c == '\n' || c == '\t' || c == '"' || c == 0x7f:
		case c < 0x20:
			with = "\uFFFD"
		default:
			var r rune
			r, size = utf8.DecodeRune(s[i:])
			if r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF {
				with = "\uFFFD"
			}
		}
		if with != "" {
			dst = append(append(dst, s[done:i]...), with...)
			done = i + size
		}
		i += size
	}
	return append(dst, s[done:]...)
}
