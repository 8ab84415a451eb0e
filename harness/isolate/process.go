//go:build unix

package isolate

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"pgtest/harness/internal/proc"
)

// A process is a running child.
type process struct {
	cmd     *exec.Cmd
	output  *os.File      // the child's standard output and standard error
	reports *os.File      // the child's reports
	gone    chan struct{} // closed when the child and its group have ended
	reaped  chan error    // gets the result of cmd.Wait
	fed     chan struct{} // closed when writing the assignment has ended
}

// startProcess starts the test binary as a child, the leader of a new process
// group.
func startProcess(args []string, a assignment) (_ *process, err error) {
	a.Race = os.Getenv(raceVariable)
	text, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{
		cmd: exec.Command(self, args...), gone: make(chan struct{}), reaped: make(chan error, 1), fed: make(chan struct{}),
	}
	var output, reports, assignmentEnd, input *os.File // the child's ends, and ours of its assignment
	defer func() {
		closeAll(output, reports, assignmentEnd)
		if err != nil {
			closeAll(p.output, p.reports, input)
		}
	}()
	for _, pipe := range []struct{ r, w **os.File }{{&p.output, &output}, {&p.reports, &reports}, {&assignmentEnd, &input}} {
		if *pipe.r, *pipe.w, err = os.Pipe(); err != nil {
			return nil, err
		}
	}
	p.cmd.Args[0] = os.Args[0]
	p.cmd.Dir = startDir
	p.cmd.Env = append(startEnv[:len(startEnv):len(startEnv)], environment+"="+a.target().Test,
		raceVariable+"="+strings.TrimSpace(noRaceSleep+" "+a.Race))
	p.cmd.Stdout, p.cmd.Stderr = output, output
	p.cmd.ExtraFiles = []*os.File{reportsFd - 3: reports, assignmentFd - 3: assignmentEnd}
	p.cmd.SysProcAttr = proc.Attr(syscall.SIGKILL)
	p.cmd.SysProcAttr.Setpgid = true
	started := make(chan error)
	go p.run(started)
	if err = <-started; err != nil {
		return nil, err
	}
	go func() {
		defer close(p.fed)
		input.Write(text) // fails if the child has died, which wait reports
		input.Close()
	}()
	return p, nil
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// termGrace is the time between SIGTERM and SIGKILL for what a child left in
// its group.
const termGrace = 500 * time.Millisecond

// run starts the child, waits for its end, ends its group, and only then reaps
// the child: until then the kernel gives the group's id to nobody else. run
// keeps its thread, because the child's parent-death signal fires when the
// thread that started it ends.
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

// wait waits until the process is reaped and its assignment written or given
// up, closes the pipes, and returns the process's state.
func (p *process) wait() (*os.ProcessState, error) {
	<-p.fed
	err := <-p.reaped
	closeAll(p.output, p.reports)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	return p.cmd.ProcessState, nil
}
