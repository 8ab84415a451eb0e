//go:build unix

package isolate

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/harness/internal/proc"
	"pgtest/harness/internal/testtext"
)

// A childState is how a child ended.
type childState struct {
	status      syscall.WaitStatus
	timeout     time.Duration // -test.timeout
	timedOut    bool
	began       bool // the function
	returned    bool // the function
	done        bool // the test, with its cleanup functions
	failed      bool
	skipped     bool
	outerFailed bool // a test around the target failed, after it
	panicked    bool
	fatal       syscall.Signal // the one that made the Go runtime exit, or 0
}

// came reports whether the function ended, by returning or by t.FailNow or
// t.SkipNow.
func (e *childState) came() bool {
	return e.returned || e.done && e.status.Exited() && e.status.ExitStatus() <= 1
}

// signal returns the signal that ended the process, or 0.
func (e *childState) signal() syscall.Signal {
	if e.status.Signaled() {
		return e.status.Signal()
	}
	return e.fatal
}

// failure returns why the test failed, or "" if it passed, was skipped or
// failed by its own report.
func (e *childState) failure() string {
	how := fmt.Sprintf("exit status %d", e.status.ExitStatus())
	if sig := e.signal(); sig != 0 {
		how = "killed by " + unix.SignalName(sig)
	} else if e.panicked {
		how = "panic, " + how
	}
	clean := e.status == 0 || e.status.Exited() && e.status.ExitStatus() == 1 && (e.failed || e.outerFailed)
	switch {
	case e.timedOut && !clean:
		return fmt.Sprintf("timed out: -test.timeout is %v", e.timeout)
	case !e.began:
		return "the process ended before it came to the function: " + how
	case e.done && clean:
		return ""
	case e.done && !e.failed:
		return how + " after the end of the test"
	}
	return how
}

// runChild runs the call c in a new process, and passes what the process prints
// to the sink. It returns an error only if the process can't be run, however
// the child ends.
func runChild(t *testing.T, c call, out sink) (*childState, error) {
	limit := limitOf(t)
	nonce := rand.Text()
	testlog := flagValue("test.testlogfile")
	if testlog != "" {
		testlog += "." + nonce
		defer os.Remove(testlog)
	}
	a := assignment{
		Calls:   []call{c},
		Mark:    testtext.Marker + "=== ISOLATE " + nonce + "\n",
		Verbose: flagValue("test.v"),
		Grace:   limit.grace,
		Earlier: earlierResults(c),
	}
	if assigned != nil {
		a.Calls = append(append([]call(nil), assigned.Calls...), c)
	}
	p, err := startProcess(childArgs(startArgs, c.Test, limit.forChild(), testlog), a)
	if err != nil {
		return nil, err
	}
	stop := limit.enforce(p)
	s := &stream{sink: out, target: c.Test, mark: a.Mark, marks: testtext.MarksOf(runtime.Version())}
	proc.Drain(p.output, s, p.gone)
	var reported strings.Builder
	proc.Drain(p.reports, &reported, p.gone)
	state, err := p.wait()
	end := &childState{timeout: limit.timeout, timedOut: stop(), outerFailed: s.outerFailed}
	if err != nil {
		return nil, err
	}
	end.status = state.Sys().(syscall.WaitStatus)
	end.read(reported.String(), s.verdict)
	if end.status.Exited() && end.status.ExitStatus() == 2 {
		end.fatal = fatalSignal(s.cause)
		// package testing reports the test before it lets a panic of the test's
		// goroutine end the process
		end.panicked = bytes.HasPrefix(s.cause, []byte("panic: ")) || bytes.HasPrefix(s.aside, []byte("panic: "))
	}
	s.finish(end.failure() != "")
	replayTestlog(testlog)
	return end, nil
}

// read evaluates the child's reports, and the verdict that package testing
// printed.
func (e *childState) read(reports string, v testtext.Verdict) {
	has := func(report byte) bool { return strings.IndexByte(reports, report) >= 0 }
	e.began = has(reportBegan)
	e.returned = has(reportReturned)
	e.done = has(reportPassed) || has(reportFailed) || has(reportSkipped)
	e.failed = has(reportFailed) || v == testtext.Fail
	e.skipped = has(reportSkipped)
}

// fatalSignal returns the signal that made the Go runtime exit, from the text
// that the runtime prints: "SIGSEGV: segmentation violation", then the
// registers. It returns 0 for any other text.
func fatalSignal(text []byte) syscall.Signal {
	name, rest, _ := strings.Cut(string(text), ": ")
	if _, rest, _ = strings.Cut(rest, "\n"); !strings.HasPrefix(rest, "PC=") {
		return 0
	}
	return unix.SignalNum(name)
}
