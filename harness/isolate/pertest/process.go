//go:build unix

package pertest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/harness/control"
	"pgtest/harness/isolate/internal/drain"
	"pgtest/harness/isolate/internal/group"
)

// An ending is how a test's process ended.
type ending struct {
	status      syscall.WaitStatus
	startErr    error
	elapsed     time.Duration
	limit       time.Duration // --test-timeout, if the test ran into it
	interrupted bool          // the run was told to end
	leaks       []control.Leak
	failOnLeaks bool
}

// how says it in words.
func (e ending) how() string {
	switch {
	case e.startErr != nil:
		return "can't be started: " + e.startErr.Error()
	case e.limit > 0:
		return fmt.Sprintf("timed out: --test-timeout is %v", e.limit)
	case e.status.Signaled():
		return "killed by " + unix.SignalName(e.status.Signal())
	}
	return fmt.Sprintf("exit status %d", e.status.ExitStatus())
}

// bad reports whether the process ended other than a test binary does.
func (e ending) bad() bool { return e.startErr != nil || e.status != 0 }

// quitGrace is the time between SIGQUIT, on which a Go program shows its goroutines, and SIGKILL.
const quitGrace = 5 * time.Second

// leak times are those of a supervisor.
const (
	settleTime = 100 * time.Millisecond
	termTime   = 200 * time.Millisecond
)

// A process runs one test, as the leader of a process group.
type process struct {
	cmd     *exec.Cmd
	started time.Time
	blame   atomic.Bool // leftovers are the test's fault
	limited atomic.Bool // the test ran into --test-timeout
}

func newProcess(command, args []string) *process {
	p := &process{cmd: exec.Command(command[0], append(command[1:len(command):len(command)], args...)...)}
	p.cmd.SysProcAttr = group.LeaderAttr()
	p.blame.Store(true)
	return p
}

// run runs the process, copies its output to w, and returns when it, its group and its output have ended. It calls
// runs with the process id once it has started. It keeps its thread: on Linux the process dies with it.
func (p *process) run(w io.Writer, timeout time.Duration, runs func(pid int)) ending {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var e ending
	r, pipe, err := os.Pipe()
	if err != nil {
		return ending{startErr: err}
	}
	defer r.Close()
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = os.Stdin, pipe, pipe
	p.started = time.Now()
	err = p.cmd.Start()
	pipe.Close()
	if err != nil {
		return ending{startErr: err}
	}
	runs(p.cmd.Process.Pid)
	stop := p.limitTo(timeout)
	gone, read := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		drain.Until(r, w, gone)
	}()
	pgid := p.cmd.Process.Pid
	group.AwaitExit(pgid)
	stop()
	e.elapsed = time.Since(p.started)
	e.leaks = endLeftovers(pgid, p.blame.Load())
	close(gone)
	<-read
	p.cmd.Wait()
	e.status = p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	reapGroup(pgid)
	if p.limited.Load() && e.status != 0 {
		e.limit = timeout
	}
	return e
}

// limitTo ends the process if it runs for longer than the timeout; 0 is none. Stop must be called before the process is
// reaped.
func (p *process) limitTo(timeout time.Duration) (stop func()) {
	if timeout <= 0 {
		return func() {}
	}
	quit := time.AfterFunc(timeout, func() {
		p.limited.Store(true)
		p.blame.Store(false)
		p.cmd.Process.Signal(syscall.SIGQUIT)
	})
	kill := time.AfterFunc(timeout+quitGrace, func() { p.cmd.Process.Kill() })
	return func() {
		quit.Stop()
		kill.Stop()
	}
}

// endLeftovers ends what the leader, which is dead and not reaped, has left in its group, and returns what is to
// be reported.
func endLeftovers(pgid int, blame bool) []control.Leak {
	if goneWithin(pgid, settleTime) {
		return nil
	}
	var leaks []control.Leak
	if blame {
		leaks = describe(pgid)
	}
	end := control.EndedByTerm
	syscall.Kill(-pgid, syscall.SIGTERM)
	if !goneWithin(pgid, termTime) {
		end = control.EndedByKill
		syscall.Kill(-pgid, syscall.SIGKILL)
		goneWithin(pgid, quitGrace)
	}
	for i := range leaks {
		leaks[i].End = end
	}
	return leaks
}

// goneWithin waits until nothing is left of the group, for d at the most, and reports whether that is so.
func goneWithin(pgid int, d time.Duration) bool {
	end := time.Now().Add(d)
	for pause := 500 * time.Microsecond; anyLeft(pgid); pause = min(2*pause, 10*time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
		time.Sleep(pause)
	}
	return true
}
