package jsonstream

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// messageLimit is the length up to which attributes are of use to a reader.
const messageLimit = 4 << 10

// death is how the process of a package ended, as the package's output tells.
type death struct {
	kind    string // exit, build, panic, timeout or signal
	message string // the line that tells, or else the last
	// hung are the tests that ran when the time was up, with their time.
	hung map[string]string
}

// hungTest is a line of the list that package testing prints when time is up.
var hungTest = regexp.MustCompile(`^\t\t(\S+) \((\S+)\)$`)

// death reads how a package ended.
func (j *junitSink) death(p *pkg) death {
	d := death{kind: "exit", message: "Failed", hung: make(map[string]string)}
	var hung []string
	j.assembler.spool.each(&p.out, func(line []byte) {
		line = bytes.TrimSuffix(line[:min(len(line), messageLimit)], []byte{'\n'})
		s := strings.TrimSpace(string(line))
		switch {
		case p.failedBuild != "" || strings.HasSuffix(s, " [build failed]") || strings.HasSuffix(s, " [setup failed]"):
			d.kind, d.message = "build", s
		case d.kind == "timeout":
			if m := hungTest.FindSubmatch(line); m != nil {
				d.hung[string(m[1])] = string(m[2])
				hung = append(hung, s)
			}
		case strings.HasPrefix(s, timedOutPanic):
			d.kind, d.message = "timeout", strings.TrimPrefix(s, "panic: ")
		case d.kind != "exit":
		case looksPanicked(line):
			d.kind, d.message = "panic", s
		case strings.HasPrefix(s, "signal: "):
			d.kind, d.message = "signal", s
		case s != "" && !strings.HasPrefix(s, "FAIL"):
			d.message = s
		}
	})
	if len(hung) > 0 {
		d.message += ": " + strings.Join(hung, ", ")
	}
	return d
}

// timedOutPanic starts the panic of a test binary that ran into -timeout.
const timedOutPanic = "panic: test timed out"

// why says what kind of failure a test has, and the line that says why.
func (j *junitSink) why(t *test, d death) (kind, message string) {
	said := j.said(t)
	ran, isHung := d.hung[t.name]
	switch {
	case isHung:
		return "timeout", fmt.Sprintf("%s, after %s", timeLimit(d.message), ran)
	case said.timedOut != "":
		return "timeout", said.timedOut
	case said.race:
		return "race", said.first
	case t.panicked:
		return "panic", said.first
	case t.noEnd && d.kind == "timeout":
		return "timeout", timeLimit(d.message) + ", before its turn came"
	case t.noEnd && said.signal != "":
		return "signal", said.signal
	case t.noEnd && j.panicOf(t.pkg) != "":
		return "panic", j.panicOf(t.pkg)
	case t.noEnd && d.message != "Failed":
		return d.kind, d.message
	case t.noEnd:
		return "exit", "the process ended before the test"
	}
	sub := ""
	if name := failedSub(t); name != "" {
		sub = "a subtest failed: " + name
	}
	return "failure", firstOf(said.first, sub, j.panicOf(t.pkg), said.printed, "Failed")
}

// timeLimit is the part of a message that says that time was up.
func timeLimit(message string) string {
	limit, _, _ := strings.Cut(message, ":")
	return limit
}

func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

// failedSub is the first failed subtest of a test, "" for none.
func failedSub(t *test) string {
	for _, sub := range t.subs {
		if sub.state == testFailed {
			return sub.name
		}
	}
	return ""
}

// panicOf is the panic of a package, "" if none of its tests tells of one.
func (j *junitSink) panicOf(p *pkg) string {
	for _, t := range p.failed {
		if t.panicked {
			return j.said(t).first
		}
	}
	return ""
}

// said is what a test says of its failure.
type said struct {
	first    string // the first line that says why
	printed  string // the first line that it printed, which may say anything
	signal   string // that ended the process: go's line, behind the test's own
	timedOut string
	race     bool
}

var (
	// position is what package testing puts before the first line of a message.
	position = regexp.MustCompile(`^[^ :]+\.go:\d+(: ?|$)`)
	// exampleHead starts what an example printed.
	exampleHead = []byte("got:\n")
)

// said looks for the lines in which a test or a panic says why it failed. Where
// go says which outputs are errors, what was logged before them is none.
func (j *junitSink) said(t *test) said {
	var s said
	skip := t.firstError
	open := false // the message began with a line that says nothing
	j.assembler.spool.while(&t.out, func(line []byte) bool {
		text := strings.TrimSpace(string(line[:min(len(line), messageLimit)]))
		indented := bytes.HasPrefix(line, []byte("    "))
		if skip != "" && text != skip && !looksPanicked(line) {
			return true
		}
		skip = ""
		switch {
		case text == "" || framing(line, t.name) || bytes.HasPrefix(line, []byte("=== ")):
		case text == "WARNING: DATA RACE":
			s.race, s.first = true, text
		case t.noEnd && bytes.HasPrefix(line, []byte("signal: ")):
			s.signal = text
		case strings.HasPrefix(text, timedOutPanic):
			s.timedOut = strings.TrimPrefix(text, "panic: ")
		case looksPanicked(line):
			s.first = text
		case open && strings.HasPrefix(text, "Error Trace:"), open && position.MatchString(text):
		case open && indented:
			s.first, open = strings.TrimSuffix(s.first, ":")+": "+strings.TrimSpace(strings.TrimPrefix(text, "Error:")), false
		case s.first == "" && indented:
			s.first = text
			open = position.ReplaceAllString(text+" ", "") == ""
		case bytes.Equal(line, exampleHead):
			s.printed = ""
		case s.printed == "":
			s.printed = text
		}
		return !looksPanicked(line) && !s.race && (s.first == "" || open || t.panicked || t.noEnd)
	})
	return s
}

// skipMessage is all that a test said before it was skipped.
func (j *junitSink) skipMessage(t *test) string {
	var message []byte
	j.assembler.spool.while(&t.out, func(line []byte) bool {
		if !framing(line, t.name) && !bytes.HasPrefix(line, []byte("=== ")) {
			message = append(message, bytes.TrimLeft(line, " ")...)
		}
		return len(message) < messageLimit
	})
	return string(bytes.TrimSpace(message[:min(len(message), messageLimit)]))
}
