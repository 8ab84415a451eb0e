//go:build unix

// Package testproc runs a test binary for a role that stands in the binary's
// place: as the leader of a process group, with limits, and with its output in
// the role's hands.
package testproc

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/proc"
	"pgtest/harness/internal/stopwatch"
	"pgtest/signals"
)

// A State is how a Process ended.
type State struct {
	Status      syscall.WaitStatus
	StartErr    error
	At          time.Time
	Limit       string // the limit that it exceeded, or ""
	Interrupted bool   // the run was asked to end
	Leaks       []control.Leak
}

// How describes the end for a user.
func (e State) How() string {
	switch {
	case e.StartErr != nil:
		return "can't be started: " + e.StartErr.Error()
	case e.Limit != "":
		return "timed out: " + e.Limit
	case e.Status.Signaled():
		return "killed by " + unix.SignalName(e.Status.Signal())
	}
	return fmt.Sprintf("exit status %d", e.Status.ExitStatus())
}

// Bad reports whether the process ended other than a test binary does. One that ran
// for too long did, whatever it made of SIGQUIT.
func (e State) Bad() bool { return e.StartErr != nil || e.Status != 0 || e.Limit != "" }

// Exit returns the exit status, or the signal to die of, for a role whose test
// binary ended like this process. If failed is set the status is not 0.
func (e State) Exit(failed bool) (int, syscall.Signal) {
	status := e.Status.ExitStatus()
	switch {
	case e.StartErr == nil && e.Status.Signaled():
		return 1, e.Status.Signal()
	case e.StartErr != nil || status == 0 && failed:
		return 1, 0
	}
	return status, 0
}

// A Process runs a test binary once, as the leader of a process group.
type Process struct {
	command []string
	env     []string // besides that of this process
	family  *proc.Family
	Began   atomic.Bool // a test has begun
	blame   atomic.Bool // leftovers are the test's fault

	cancelled chan struct{} // closed by the first Cancel or Terminate
	cancel    func()

	mu    sync.Mutex
	cmd   *exec.Cmd // nil before the start and after the end
	limit string    // the limit that it has exceeded, or ""
}

func New(f *proc.Family, command, args []string) *Process {
	p := &Process{command: append(command[:len(command):len(command)], args...), family: f}
	p.cancelled = make(chan struct{})
	p.cancel = sync.OnceFunc(func() { close(p.cancelled) })
	p.blame.Store(true)
	return p
}

// Args adds arguments and variables for the environment before the process runs.
func (p *Process) Args(args, env []string) {
	p.command, p.env = append(p.command, args...), env
}

// Run runs the process, copies its output to stdout and stderr, which may be
// the same, and returns when the process, its group and its output have ended.
// It calls started once the process runs. It keeps its thread, since on Linux
// the process dies with the thread that started it.
func (p *Process) Run(stdout, stderr io.Writer, started func()) State {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	gone := make(chan struct{})
	var reading sync.WaitGroup
	read := func(w io.Writer) (*os.File, error) {
		r, pipe, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		reading.Go(func() {
			proc.Drain(r, w, gone)
			r.Close()
		})
		return pipe, nil
	}
	end := func() {
		close(gone)
		reading.Wait()
	}
	out, err := read(stdout)
	if err != nil {
		return State{StartErr: err, At: time.Now()}
	}
	errs := out
	if stderr != stdout {
		if errs, err = read(stderr); err != nil {
			out.Close()
			end()
			return State{StartErr: err, At: time.Now()}
		}
	}
	pid := 0
	err = proc.WhileBusy(func() (err error) {
		pid, err = p.start(out, errs)
		return err
	})
	out.Close()
	errs.Close()
	if err != nil || pid == 0 {
		end()
		return State{StartErr: err, At: time.Now(), Interrupted: err == nil}
	}
	started()
	proc.AwaitExit(pid)
	e := State{At: time.Now()}
	cmd := p.finish(&e)
	policy := proc.AfterTest
	policy.Describe = p.blame.Load()
	left := policy.End(proc.Group(pid))
	if policy.Describe { // what else still runs, the supervisor reports
		e.Leaks = control.LeaksOf(left, pid)
	}
	cmd.Wait()
	p.family.Reaped(pid)
	end() // it may take long: until it is the turn of an output that can't be kept
	e.Status = cmd.ProcessState.Sys().(syscall.WaitStatus)
	e.Interrupted = e.Limit == "" && p.wasInterrupted(e.Status)
	return e
}

// start starts the process and returns its id, or 0 if it was cancelled.
func (p *Process) start(stdout, stderr *os.File) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isCancelled() {
		return 0, nil
	}
	cmd := exec.Command(p.command[0], p.command[1:]...)
	if p.env != nil {
		cmd.Env = append(os.Environ(), p.env...)
	}
	cmd.SysProcAttr = proc.Attr(syscall.SIGKILL)
	cmd.SysProcAttr.Setpgid = true
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, stderr
	if err := p.family.Start(cmd); err != nil {
		return 0, err
	}
	p.cmd = cmd
	return cmd.Process.Pid, nil
}

// finish records that the process is dead, before it is reaped.
func (p *Process) finish(e *State) *exec.Cmd {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := p.cmd
	p.cmd = nil
	e.Limit = p.limit
	return cmd
}

// signalPatience is how long after the process's death the signal that killed it
// may take to reach this process, too.
const signalPatience = 2 * time.Second

// wasInterrupted reports whether the run was asked to end before the process
// did. Whoever asks signals this process first, then the tests, but this
// process may act later. So a process that died of such a signal waits for it.
func (p *Process) wasInterrupted(status syscall.WaitStatus) bool {
	if status.Signaled() && signals.Ends(status.Signal()) {
		select {
		case <-p.cancelled:
		case <-time.After(signalPatience):
		}
	}
	return p.isCancelled()
}

func (p *Process) isCancelled() bool {
	select {
	case <-p.cancelled:
		return true
	default:
		return false
	}
}

// PID returns the id of the process, or 0 if it doesn't run.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Cancel records that sig asked the run to end. If the process has not started,
// it does not start any more. Where the supervisor can find this process, it
// has sent it the signal itself.
func (p *Process) Cancel(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancel()
	p.blame.Store(false)
	if p.cmd != nil && runtime.GOOS != "linux" {
		syscall.Kill(-p.cmd.Process.Pid, sig)
	}
}

// Quit ends the process because its time is over: by SIGQUIT, then SIGKILL if
// the process is still there after proc.QuitGrace.
func (p *Process) Quit(limit string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.limit != "" {
		return
	}
	p.limit = limit
	p.end(syscall.SIGQUIT)
}

// Terminate ends the process because nobody needs its result any more: by
// SIGTERM, then SIGKILL if the process is still there after proc.QuitGrace. Its
// State says that it was interrupted.
func (p *Process) Terminate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancel()
	if p.cmd != nil {
		p.end(syscall.SIGTERM)
	}
}

// end ends the process, first by sig. The caller holds the lock.
func (p *Process) end(sig syscall.Signal) {
	p.blame.Store(false)
	cmd := p.cmd
	cmd.Process.Signal(sig)
	stopwatch.AfterFunc(proc.QuitGrace, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.cmd == cmd {
			cmd.Process.Kill()
		}
	})
}

// LimitTo ends the process if it runs for longer than the timeout; 0 is no
// limit. stop lifts the limit.
func (p *Process) LimitTo(timeout time.Duration) (stop func()) {
	return p.Limit(timeout, fmt.Sprintf("--test-timeout is %v", timeout))
}

// Limit is LimitTo with the text for users.
func (p *Process) Limit(timeout time.Duration, text string) (stop func()) {
	return stopwatch.AfterFunc(timeout, func() { p.Quit(text) })
}
