package junit

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"
	"unicode/utf8"
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
	Time            time.Duration
	Outcome         Outcome
	Type, Message   string           // attributes of the outcome's element, if not empty
	Body            iter.Seq[[]byte] // the element's text, or nil
	// Attempts are other runs of the test, in the order in which they failed.
	Attempts []Attempt
}

// Attempt is a failed run of a test that ran again. Of a testcase that passes
// in the end it is a flakyFailure, else a rerunFailure.
type Attempt struct {
	Type, Message string
	Body          iter.Seq[[]byte]
}

// Writer writes one report. Its methods are called in the order Begin,
// (BeginSuite, Case or Raw any number of times, EndSuite) any number of times,
// End. Text may be any bytes: what XML cannot hold becomes U+FFFD.
type Writer struct{ w *bufio.Writer }

// NewWriter returns a Writer to out.
func NewWriter(out io.Writer) *Writer {
	return &Writer{w: bufio.NewWriterSize(out, 16<<10)}
}

// Begin opens the report. An empty name is left out.
func (w *Writer) Begin(name string, c Counts, d time.Duration) {
	w.w.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<testsuites")
	if name != "" {
		w.attr("name", name)
	}
	w.counts(c)
	w.attr("time", seconds(d))
	w.w.WriteString(">\n")
}

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
	if !s.Timestamp.IsZero() {
		w.attr("timestamp", s.Timestamp.Format(time.RFC3339))
	}
	w.w.WriteString(">\n")
	if len(s.Properties) == 0 {
		return
	}
	w.w.WriteString("\t\t<properties>\n")
	for _, p := range s.Properties {
		w.w.WriteString("\t\t\t<property")
		w.attr("name", p.Name)
		w.attr("value", p.Value)
		w.w.WriteString("/>\n")
	}
	w.w.WriteString("\t\t</properties>\n")
}

// Case writes a testcase.
func (w *Writer) Case(c Case) {
	w.w.Write(appendOpen(w.w.AvailableBuffer(), c))
	if c.Outcome == Pass && len(c.Attempts) == 0 {
		w.w.WriteString("/>\n")
		return
	}
	w.w.WriteString(">\n")
	attempt := "flakyFailure"
	if c.Outcome != Pass {
		w.element(elements[c.Outcome], c.Type, c.Message)
		w.text(c.Body)
		w.w.WriteString("</" + elements[c.Outcome] + ">\n")
		attempt = "rerunFailure"
	}
	for _, a := range c.Attempts {
		w.element(attempt, a.Type, a.Message)
		w.w.WriteString("<stackTrace>")
		w.text(a.Body)
		w.w.WriteString("</stackTrace></" + attempt + ">\n")
	}
	w.w.WriteString("\t\t</testcase>\n")
}

// element opens an element of a testcase.
func (w *Writer) element(name, kind, message string) {
	w.w.WriteString("\t\t\t<" + name)
	if message != "" {
		w.attr("message", message)
	}
	if kind != "" {
		w.attr("type", kind)
	}
	w.w.WriteByte('>')
}

func (w *Writer) text(body iter.Seq[[]byte]) {
	if body == nil {
		return
	}
	for text := range body {
		w.w.Write(appendEscaped(w.w.AvailableBuffer(), text, false))
	}
}

// AppendPassed appends a whole testcase that passed, for Raw. Reports with many
// tests keep them so.
func AppendPassed(dst []byte, className, name string, d time.Duration) []byte {
	return append(appendOpen(dst, Case{ClassName: className, Name: name, Time: d}), "/>\n"...)
}

func appendOpen(dst []byte, c Case) []byte {
	dst = append(dst, "\t\t<testcase"...)
	dst = appendAttr(dst, "name", c.Name)
	dst = appendAttr(dst, "classname", c.ClassName)
	dst = appendAttr(dst, "time", "")
	dst = appendSeconds(dst[:len(dst)-1], c.Time)
	return append(dst, '"')
}

// Raw writes testcases that AppendPassed made.
func (w *Writer) Raw(cases []byte) { w.w.Write(cases) }

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
