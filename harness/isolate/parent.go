//go:build unix

package isolate

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/harness/internal/proc"
	"pgtest/harness/internal/testtext"
)

// An ending is how a child ended.
type ending struct {
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
	fatal       syscall.Signal // on which the Go runtime said that it exits
}

// came reports whether the function came to its end, by itself or by t.FailNow or t.SkipNow.
func (e *ending) came() bool {
	return e.returned || e.done && e.status.Exited() && e.status.ExitStatus() <= 1
}

// signal returns the signal that ended the process, or 0.
func (e *ending) signal() syscall.Signal {
	if e.status.Signaled() {
		return e.status.Signal()
	}
	return e.fatal
}

// failure says why the test failed, if that was not for what it logged; else it is "".
func (e *ending) failure() string {
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

// runChild runs the call c in a new process, and hands what it prints to the sink. The error says why that
// can't be done; how the child ended is no error.
func runChild(t *testing.T, c call, out sink) (*ending, error) {
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
	end := &ending{timeout: limit.timeout, timedOut: stop(), outerFailed: s.outerFailed}
	if err != nil {
		return nil, err
	}
	end.status = state.Sys().(syscall.WaitStatus)
	end.read(reported.String(), s.verdict)
	if end.status.Exited() && end.status.ExitStatus() == 2 {
		end.fatal = fatalSignal(s.cause)
		// package testing reports the test before it lets a panic of the test's goroutine end the process
		end.panicked = bytes.HasPrefix(s.cause, []byte("panic: ")) || bytes.HasPrefix(s.aside, []byte("panic: "))
	}
	s.finish(end.failure() != "")
	replayTestlog(testlog)
	return end, nil
}

// read takes what the child reported, and what package testing printed about the test.
func (e *ending) read(reports string, v testtext.Verdict) {
	has := func(report byte) bool { return strings.IndexByte(reports, report) >= 0 }
	e.began = has(reportBegan)
	e.returned = has(reportReturned)
	e.done = has(reportPassed) || has(reportFailed) || has(reportSkipped)
	e.failed = has(reportFailed) || v == testtext.Fail
	e.skipped = has(reportSkipped)
}

// fatalSignal returns the signal on which the Go runtime gave up, by the text that it prints: "SIGSEGV: segmentation
// violation", then the registers. It is 0 if the text is another one.
func fatalSignal(text []byte) syscall.Signal {
	name, rest, _ := strings.Cut(string(text), ": ")
	if _, rest, _ = strings.Cut(rest, "\n"); !strings.HasPrefix(rest, "PC=") {
		return 0
	}
	return unix.SignalNum(name)
}

// A limit is what -test.timeout means for the children of a test.
type limit struct {
	timeout  time.Duration // the value of the flag, 0 for none
	deadline time.Time     // of this process
	grace    time.Duration // SIGQUIT that long before the deadline, and SIGKILL at half of it
}

// maxGrace is enough for a process that shows its goroutines and dies, and for its parent to say so.
const maxGrace = 5 * time.Second

func limitOf(t *testing.T) limit {
	var l limit
	l.timeout, _ = time.ParseDuration(flagValue("test.timeout"))
	deadline, ok := t.Deadline()
	if !ok {
		return l
	}
	l.deadline = deadline
	l.grace = min(l.timeout/10, maxGrace)
	if assigned != nil {
		// A child's timeout is what was left for it. Its own children have to end earlier than it does.
		l.grace = assigned.Grace
	}
	return l
}

// forChild returns -test.timeout for a child: its own alarm comes only where SIGQUIT, sent earlier, has failed.
// Users can read it in the child's output.
func (l limit) forChild() time.Duration {
	if l.deadline.IsZero() {
		return 0
	}
	return max(time.Until(l.deadline)-l.grace/2, 0).Truncate(time.Millisecond) + time.Millisecond
}

// enforce ends the process when its time is up. The caller calls the function that it returns when the process
// has ended; that reports whether its time was up.
func (l limit) enforce(p *process) (stop func() bool) {
	if l.deadline.IsZero() {
		return func() bool { return false }
	}
	var up atomic.Bool
	left := time.Until(l.deadline)
	quit := time.AfterFunc(left-l.grace, func() {
		up.Store(true)
		p.cmd.Process.Signal(syscall.SIGQUIT)
	})
	kill := time.AfterFunc(left-l.grace/2, func() { p.cmd.Process.Kill() })
	return func() bool {
		quit.Stop()
		kill.Stop()
		return up.Load()
	}
}

// A process is a running child.
type process struct {
	cmd     *exec.Cmd
	output  *os.File      // the child's standard output and standard error
	reports *os.File      // what it reports
	gone    chan struct{} // closed when it and its group have ended
	reaped  chan error    // gets the result of cmd.Wait
	fed     chan struct{} // closed when the assignment is written, or can't be
}

// startProcess starts the test binary as a child, the leader of a new process group.
func startProcess(args []string, a assignment) (*process, error) {
	env := startEnv[:len(startEnv):len(startEnv)]
	if raceDetector {
		options := os.Getenv(raceVariable)
		a.Race = &options
		env = append(env, raceVariable+"="+strings.TrimSpace(noRaceSleep+" "+options))
	}
	text, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var pipes [3]struct{ r, w *os.File }
	for i := range pipes {
		if pipes[i].r, pipes[i].w, err = os.Pipe(); err != nil {
			for _, p := range pipes[:i] {
				p.r.Close()
				p.w.Close()
			}
			return nil, err
		}
	}
	output, reports, input := pipes[0], pipes[1], pipes[2]
	cmd := exec.Command(self, args...)
	cmd.Args[0] = os.Args[0]
	cmd.Dir = startDir
	cmd.Env = append(env, environment+"="+a.target().Test)
	cmd.Stdout, cmd.Stderr = output.w, output.w
	cmd.ExtraFiles = []*os.File{reportsFd - 3: reports.w, assignmentFd - 3: input.r}
	cmd.SysProcAttr = proc.Attr(syscall.SIGKILL)
	cmd.SysProcAttr.Setpgid = true
	p := &process{
		cmd: cmd, output: output.r, reports: reports.r,
		gone: make(chan struct{}), reaped: make(chan error, 1), fed: make(chan struct{}),
	}
	started := make(chan error)
	go p.run(started)
	err = <-started
	for _, f := range []*os.File{output.w, reports.w, input.r} {
		f.Close()
	}
	if err != nil {
		for _, f := range []*os.File{output.r, reports.r, input.w} {
			f.Close()
		}
		return nil, err
	}
	go func() {
		defer close(p.fed)
		input.w.Write(text) // fails if the child has died: its end tells
		input.w.Close()
	}()
	return p, nil
}

// termGrace is the time that what a child left in its group has after SIGTERM.
const termGrace = 500 * time.Millisecond

// run starts the child, waits for its end, ends its group, and only then reaps it: until then the group's number
// can't be given to anybody else. It keeps its thread, because the end of the thread that started the child
// would be a parent's death to it.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	pid := p.cmd.Process.Pid
	if err := proc.AwaitExit(pid); err == nil {
		group := proc.Group(pid)
		proc.Policy{Term: termGrace}.End(group)
		group.Kill() // what was forked while the list was read
	}
	close(p.gone)
	p.reaped <- p.cmd.Wait()
}

// wait returns how the process ended, after everything about it has.
func (p *process) wait() (*os.ProcessState, error) {
	<-p.fed
	err := <-p.reaped
	p.output.Close()
	p.reports.Close()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	return p.cmd.ProcessState, nil
}
