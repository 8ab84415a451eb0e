package linkcache

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"pgtest/harness/internal/cacheprog"
	"pgtest/harness/internal/proc"
)

// maxAnswer bounds what is read of the program at a time. Answers are short,
// because bodies are not sent through its output.
const maxAnswer = 1 << 20

// A program is a running GOCACHEPROG, the user's own build cache, which may be
// shared between machines. It speaks the protocol of cmd/go/internal/cacheprog:
// one JSON object a line each way, where a request with a body is followed by a
// JSON string in base64. The body here is a whole entry. Answers come in any
// order. After its first failure a program gets no more requests.
type program struct {
	cmd     *exec.Cmd
	in      *os.File      // write end of its standard input
	out     *os.File      // read end of its standard output
	writing chan struct{} // holds a value while somebody writes to in
	ready   chan struct{} // closed when the program has said what it can do
	failed  chan struct{} // closed when it gets no more requests
	ended   chan struct{} // closed when it has ended, with all of its group

	mu       sync.Mutex
	commands []string
	lastID   int64
	closing  bool // it ends by itself, whatever it says
	waiting  map[int64]chan cacheprog.Response
}

var errProgram = errors.New("the cache program has failed")

// startProgram starts a program in dir. Its messages are not shown: the go
// command runs the same program and shows them. The caller must call close.
func startProgram(words, env []string, dir string) (*program, error) {
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	out, stdout, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, err
	}
	defer stdout.Close()
	p := &program{
		cmd: exec.Command(words[0], words[1:]...), in: in, out: out,
		writing: make(chan struct{}, 1), ready: make(chan struct{}), failed: make(chan struct{}), ended: make(chan struct{}),
		waiting: map[int64]chan cacheprog.Response{},
	}
	p.cmd.Env, p.cmd.Dir = env, dir
	p.cmd.Stdin, p.cmd.Stdout = stdin, stdout
	started := make(chan error)
	go p.attend(started)
	if err := <-started; err != nil {
		in.Close()
		out.Close()
		return nil, err
	}
	p.waiting[0] = make(chan cacheprog.Response, 1)
	go p.read()
	return p, nil
}

// attend starts the program as the leader of a process group, and ends what is
// left of that when the program has ended.
func (p *program) attend(started chan<- error) {
	// The program dies with this thread, and so with this process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p.cmd.SysProcAttr = proc.Attr(syscall.SIGKILL)
	p.cmd.SysProcAttr.Setpgid = true
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	proc.AwaitExit(p.cmd.Process.Pid)
	proc.Group(p.cmd.Process.Pid).Kill()
	p.cmd.Wait()
	close(p.ended)
}

// read delivers the program's answers, the first of which has number 0.
func (p *program) read() {
	limited := &io.LimitedReader{R: p.out}
	for answers := json.NewDecoder(limited); ; {
		limited.N = maxAnswer
		var r cacheprog.Response
		if answers.Decode(&r) != nil || !p.deliver(r) {
			p.fail()
			return
		}
	}
}

// deliver reports false if nobody has asked.
func (p *program) deliver(r cacheprog.Response) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked, ok := p.waiting[r.ID]
	if !ok {
		return false
	}
	delete(p.waiting, r.ID)
	if r.ID == 0 {
		p.commands = r.KnownCommands
		close(p.ready)
	}
	asked <- r
	return true
}

// fail ends the program, unless it ends by itself.
func (p *program) fail() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.hasFailed() {
		close(p.failed)
	}
	if !p.closing {
		p.cmd.Process.Kill()
	}
}

func (p *program) hasFailed() bool {
	select {
	case <-p.failed:
		return true
	default:
		return false
	}
}

// can waits until the program has said what it can do, at most until ctx is
// done.
func (p *program) can(ctx context.Context, command string) bool {
	select {
	case <-p.ready:
	case <-p.failed:
		return false
	case <-ctx.Done():
		return false
	}
	return slices.Contains(p.commands, command)
}

// send writes a request, with its body if that is not nil, and returns the
// answer. If ctx is done before there is one, the program goes on, unless it has
// not read the request.
func (p *program) send(ctx context.Context, r cacheprog.Request, body io.Reader) (cacheprog.Response, error) {
	if !p.can(ctx, r.Command) {
		return cacheprog.Response{}, errors.ErrUnsupported
	}
	select {
	case p.writing <- struct{}{}:
	case <-p.failed:
		return cacheprog.Response{}, errProgram
	case <-ctx.Done():
		return cacheprog.Response{}, ctx.Err()
	}
	answer := make(chan cacheprog.Response, 1)
	p.mu.Lock()
	p.lastID++
	r.ID = p.lastID
	p.waiting[r.ID] = answer
	p.mu.Unlock()
	late, _ := ctx.Deadline()
	p.in.SetWriteDeadline(late)
	err := cacheprog.Write(p.in, r, body)
	<-p.writing
	if err != nil {
		p.fail()
		return cacheprog.Response{}, err
	}
	select {
	case a := <-answer:
		if a.Err != "" {
			return a, errors.New(a.Err)
		}
		return a, nil
	case <-p.failed:
		return cacheprog.Response{}, errProgram
	case <-ctx.Done():
		return cacheprog.Response{}, ctx.Err()
	}
}

// close asks the program to end. It is killed if it has failed, has said nothing
// yet, or has not ended when ctx is done.
func (p *program) close(ctx context.Context) {
	select {
	case <-p.ready:
	default:
		p.fail()
	}
	p.mu.Lock()
	p.closing = !p.hasFailed()
	p.mu.Unlock()
	p.send(ctx, cacheprog.Request{Command: "close"}, nil)
	p.in.Close()
	select {
	case <-p.ended:
	case <-ctx.Done():
	}
	p.cmd.Process.Kill()
	p.out.Close()
	select {
	case <-p.ended:
	case <-time.After(time.Second): // the kernel does not let it die
	}
}
