package result

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Death is how the process of a package ended, as the package's output says.
type Death struct {
	End     End    // Exited, BuildFailed, Panicked, TimedOut or Killed
	Message string // the line that says it, or else the last
	// hung are the tests that ran when the time was up, with their time.
	hung map[string]string
}

// hungTest is a line of the list that package testing prints when time is up.
//
// The expressions are compiled when they are needed, because every role of pgtest
// initializes this package.
var hungTest = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\t\t(\S+) \((\S+)\)$`) })

// Death reads how the package's process ended.
func (p *Package) Death() Death {
	d := Death{End: Exited, Message: noReason, hung: make(map[string]string)}
	var hung []string
	for line := range p.Output() {
		line = bytes.TrimSuffix(line[:min(len(line), messageLimit)], []byte{'\n'})
		s := strings.TrimSpace(string(line))
		switch {
		case p.FailedBuild != "" || strings.HasSuffix(s, " [build failed]") || strings.HasSuffix(s, " [setup failed]"):
			d.End, d.Message = BuildFailed, s
		case d.End == TimedOut:
			if m := hungTest().FindSubmatch(line); m != nil {
				d.hung[string(m[1])] = string(m[2])
				hung = append(hung, s)
			}
		case strings.HasPrefix(s, timedOutPanic):
			d.End, d.Message = TimedOut, strings.TrimPrefix(s, "panic: ")
		case d.End != Exited:
		case LooksPanicked(line):
			d.End, d.Message = Panicked, s
		case strings.HasPrefix(s, "signal: "):
			d.End, d.Message = Killed, s
		case s != "" && !strings.HasPrefix(s, "FAIL"):
			d.Message = s
		}
	}
	if len(hung) > 0 {
		d.Message += ": " + strings.Join(hung, ", ")
	}
	return d
}

const (
	// dataRace is the race detector's own line, which no t.Error prints.
	dataRace = "WARNING: DATA RACE"
	// timedOutPanic starts the panic of a test binary that ran into -timeout.
	timedOutPanic = "panic: test timed out"
	// noReason is the message of a failure that says nothing of itself.
	noReason = "Failed"
	// subtestFailed starts the message of a test that says nothing itself.
	subtestFailed = "a subtest failed: "
)

// BlamesSubtest reports whether a message of [Test.Why] only says that a subtest
// failed.
func BlamesSubtest(message string) bool { return strings.HasPrefix(message, subtestFailed) }

// Why says how a test failed, by what it and its package printed, and the line
// that says why.
func (t *Test) Why(d Death) (End, string) {
	said := t.said()
	ran, hung := d.hung[t.Name]
	beside := t.Package.panicMessage()
	end := facts{
		timedOut: hung || said.timedOut != "", raced: said.race, panicked: t.Panicked,
		noEnd: t.NoEnd, signal: said.signal != "", beside: beside != "", process: d.known(),
	}.of(Failed)
	switch {
	case hung:
		return end, fmt.Sprintf("%s, after %s", timeLimit(d.Message), ran)
	case said.timedOut != "":
		return end, said.timedOut
	case said.race, t.Panicked:
		return end, said.first
	case end == Failed:
		sub := ""
		if name := t.failedSub(); name != "" {
			sub = subtestFailed + name
		}
		return end, cmp.Or(said.first, sub, beside, said.printed, noReason)
	case end == TimedOut:
		return end, timeLimit(d.Message) + ", before its turn came"
	case said.signal != "":
		return end, said.signal
	case beside != "":
		return end, beside
	case d.known() != "":
		return end, d.Message
	}
	return end, "the process ended before the test"
}

// known is the end of the process, "" if the package's output says nothing of it.
func (d Death) known() End {
	if d.Message == noReason {
		return ""
	}
	return d.End
}

// timeLimit is the part of a message that says that time was up.
func timeLimit(message string) string {
	limit, _, _ := strings.Cut(message, ":")
	return limit
}

// failedSub is the first failed subtest of a test, "" for none.
func (t *Test) failedSub() string {
	for _, sub := range t.subs {
		if sub.end == Failed {
			return sub.Name
		}
	}
	return ""
}

// panicMessage is the panic of a package, "" if none of its tests tells of one.
func (p *Package) panicMessage() string {
	if !p.Panicked {
		return ""
	}
	for _, t := range p.Failed {
		if t.Panicked {
			return t.said().first
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
	at       int // where first stands among the outputs
}

var (
	// position is what package testing puts before the first line of a message.
	position = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[^ :]+\.go:\d+(: ?|$)`) })
	// exampleHead starts what an example printed.
	exampleHead = []byte("got:\n")
)

// said looks for the lines in which a test or a panic says why it failed. Where
// go says which outputs are errors, what was logged before them is none.
func (t *Test) said() said {
	var s said
	skip := t.Error
	open := false // the message began with a line that says nothing
	n := -1
	for line := range t.Own() {
		n++
		text := strings.TrimSpace(string(line[:min(len(line), messageLimit)]))
		indented := bytes.HasPrefix(line, []byte("    "))
		if skip != "" && text != skip && text != dataRace && !LooksPanicked(line) {
			continue
		}
		skip = ""
		switch {
		case text == "" || Framing(line, t.Name) || bytes.HasPrefix(line, []byte("=== ")):
		case text == dataRace:
			s.race, s.first, s.at = true, text, n
		case t.NoEnd && bytes.HasPrefix(line, []byte("signal: ")):
			s.signal = text
		case strings.HasPrefix(text, timedOutPanic):
			s.timedOut = strings.TrimPrefix(text, "panic: ")
		case LooksPanicked(line):
			s.first, s.at = text, n
		case open && strings.HasPrefix(text, "Error Trace:"), open && position().MatchString(text):
		case open && indented:
			s.first, open = strings.TrimSuffix(s.first, ":")+": "+strings.TrimSpace(strings.TrimPrefix(text, "Error:")), false
		case s.first == "" && indented:
			s.first, s.at = text, n
			open = position().ReplaceAllString(text+" ", "") == ""
		case bytes.Equal(line, exampleHead):
			s.printed = ""
		case s.printed == "":
			s.printed = text
		}
		if LooksPanicked(line) || s.race || s.first != "" && !open && !t.Panicked && !t.NoEnd {
			break
		}
	}
	return s
}

// SkipMessage is all that a test said before it was skipped, or of one that failed
// in quarantine why that is there.
func (t *Test) SkipMessage() string {
	var message []byte
	for line := range t.Own() {
		if t.quarantined && !bytes.HasPrefix(line, []byte(QuarantinedLine)) {
			continue
		}
		if !Framing(line, t.Name) && !bytes.HasPrefix(line, []byte("=== ")) {
			message = append(message, bytes.TrimLeft(line, " ")...)
		}
		if len(message) >= messageLimit {
			break
		}
	}
	return string(bytes.TrimSpace(message[:min(len(message), messageLimit)]))
}
