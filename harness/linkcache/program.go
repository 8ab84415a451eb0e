package linkcache

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"pgtest/harness/gotest"
)

// The time that the cache program may take for its first message and for each
// answer. A program that allows one instance at a time never answers, because
// the go command's own instance runs. A program that is late is ended, and
// links of this run do not start it again, so that none waits for longer than a
// link takes.
var (
	startPatience  = 500 * time.Millisecond
	answerPatience = 5 * time.Second
)

// maxAnswers bounds what is read from the program. Answers are short, because
// bodies are not sent through its output.
const maxAnswers = 1 << 20

// A program is a running GOCACHEPROG, the user's own build cache, which may be
// shared between machines. It speaks the protocol of cmd/go/internal/cacheprog:
// one JSON object a line each way, where a request with a body is followed by a
// JSON string in base64. The body here is a whole entry. A nil program finds
// nothing and stores nothing. After its first failure a program gets no more
// requests.
type program struct {
	cmd      *exec.Cmd
	in       *os.File // write end of its standard input
	out      *os.File // read end of its standard output
	answers  *json.Decoder
	failed   string // file that exists if a program of this run has failed
	commands []string
	lastID   int64
	err      error // first failure
}

type request struct {
	ID       int64
	Command  string
	ActionID []byte `json:",omitempty"`
	OutputID []byte `json:",omitempty"`
	BodySize int64  `json:",omitempty"`
}

type response struct {
	ID            int64
	Err           string
	KnownCommands []string
	Miss          bool
	OutputID      []byte
	Size          int64
	DiskPath      string
}

// startProgram starts the program that GOCACHEPROG names and returns nil if
// it names none, the program does not answer, or one of this run has failed
// before: work is the run's directory. Its messages are not shown: the go
// command runs the same program and shows them.
func startProgram(value, work string) *program {
	words, err := gotest.SplitQuoted(value)
	if err != nil || len(words) == 0 {
		return nil
	}
	p := &program{cmd: exec.Command(words[0], words[1:]...), failed: filepath.Join(work, "pgtest-cacheprog-failed")}
	if _, err := os.Lstat(p.failed); err == nil {
		return nil
	}
	if err := p.start(); err != nil {
		return nil
	}
	hello, err := p.receive(0, startPatience)
	if err != nil {
		p.close()
		return nil
	}
	p.commands = hello.KnownCommands
	return p
}

func (p *program) start() error {
	stdin, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer stdin.Close()
	out, stdout, err := os.Pipe()
	if err != nil {
		in.Close()
		return err
	}
	defer stdout.Close()
	p.in, p.out = in, out
	p.answers = json.NewDecoder(io.LimitReader(out, maxAnswers))
	p.cmd.Stdin, p.cmd.Stdout = stdin, stdout
	p.cmd.SysProcAttr = new(syscall.SysProcAttr)
	// The program dies with this thread, and so with this process.
	runtime.LockOSThread()
	dieWithParent(p.cmd.SysProcAttr)
	if err := p.cmd.Start(); err != nil {
		in.Close()
		out.Close()
		return err
	}
	return nil
}

func (p *program) can(command string) bool {
	return p != nil && p.err == nil && slices.Contains(p.commands, command)
}

// receive reads the answer to the request with the given number. The pipe has
// the deadline, because a child of the program can hold the pipe open after the
// program's end.
func (p *program) receive(id int64, patience time.Duration) (response, error) {
	var r response
	p.out.SetReadDeadline(time.Now().Add(patience))
	if err := p.answers.Decode(&r); err != nil {
		return r, p.fail(err)
	}
	if r.ID != id {
		return r, p.fail(fmt.Errorf("answer to request %d instead of %d", r.ID, id))
	}
	if r.Err != "" {
		return r, errors.New(r.Err)
	}
	return r, nil
}

// fail abandons the program, for all links of the run.
func (p *program) fail(err error) error {
	p.err = err
	os.WriteFile(p.failed, nil, 0o600)
	return err
}

// send writes a request, with its body if that is not nil, and returns the
// answer.
func (p *program) send(r request, body io.Reader) (response, error) {
	p.lastID++
	r.ID = p.lastID
	p.in.SetWriteDeadline(time.Now().Add(answerPatience))
	if err := writeRequest(p.in, r, body); err != nil {
		return response{}, p.fail(err)
	}
	return p.receive(r.ID, answerPatience)
}

func writeRequest(to io.Writer, r request, body io.Reader) error {
	w := bufio.NewWriterSize(to, 64<<10)
	if err := json.NewEncoder(w).Encode(r); err != nil {
		return err
	}
	if body != nil {
		w.WriteString("\n\"")
		encoder := base64.NewEncoder(base64.StdEncoding, w)
		if _, err := io.Copy(encoder, body); err != nil {
			return err
		}
		if err := encoder.Close(); err != nil {
			return err
		}
		w.WriteString("\"\n")
	}
	return w.Flush()
}

// close asks the program to end and waits until it has, if it has not failed.
func (p *program) close() {
	if p == nil {
		return
	}
	if p.can("close") {
		p.send(request{Command: "close"}, nil)
	}
	p.in.Close()
	p.out.Close()
	if p.err != nil {
		p.cmd.Process.Kill()
	}
	late := time.AfterFunc(answerPatience, func() { p.cmd.Process.Kill() })
	p.cmd.Wait()
	if !late.Stop() {
		p.fail(errors.New("the cache program does not end"))
	}
}

// fetch copies the link's entry from the program into the cache, with the
// inputs described as this machine has them.
func (l *link) fetch(p *program) error {
	if !p.can("get") {
		return errors.ErrUnsupported
	}
	r, err := p.send(request{Command: "get", ActionID: l.key[:]}, nil)
	if err != nil {
		return err
	}
	if r.Miss || !filepath.IsAbs(r.DiskPath) {
		return os.ErrNotExist
	}
	// The file may be of any kind and size: opening it must not block, nor
	// reading take long.
	body, err := os.OpenFile(r.DiskPath, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer body.Close()
	if info, err := body.Stat(); err != nil || !info.Mode().IsRegular() {
		return errDamaged
	}
	m, size, s, err := readTail(body, l.key)
	if err != nil {
		return err
	}
	if id, _, err := outputID(body); err != nil || !bytes.Equal(id, r.OutputID) {
		return errDamaged
	}
	var unchanged bool
	if m.Inputs, unchanged = present(m.Inputs); !unchanged {
		return errInputsChanged
	}
	return l.replace(l.entryPath(l.key), func(temp *os.File) error {
		return writeEntry(temp, body, size, s, l.key, m)
	})
}

// offer stores the new entry in the program. The cache does not depend on its
// success.
func (l *link) offer(p *program) {
	if !p.can("put") {
		return
	}
	body, err := os.Open(l.entryPath(l.key))
	if err != nil {
		return
	}
	defer body.Close()
	id, size, err := outputID(body)
	if err != nil {
		return
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return
	}
	p.send(request{Command: "put", ActionID: l.key[:], OutputID: id, BodySize: size}, body)
}

// outputID returns what the go command uses as output id, the SHA-256 of the
// content, and its length.
func outputID(body io.Reader) ([]byte, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, body)
	return h.Sum(nil), n, err
}
