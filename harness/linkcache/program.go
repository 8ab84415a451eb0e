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
	"slices"
	"time"

	"pgtest/harness/quoted"
)

// programTimeout is how long the cache program may take for one answer. It is
// ended then, and the link done without it.
var programTimeout = time.Minute

// A program is a running GOCACHEPROG, the user's own build cache, which may be
// shared between machines. It speaks the protocol of cmd/go/internal/cacheprog:
// a JSON object a line each way; a request with a body is followed by a JSON
// string in base64. The body here is a whole entry. A nil program holds
// nothing and takes nothing; a program that fails once is asked no more.
type program struct {
	cmd      *exec.Cmd
	in       *os.File // write end of its standard input
	out      *json.Decoder
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
// it names none or the program does not answer. Its messages are not shown:
// the go command runs the same program and shows them.
func startProgram(value string) *program {
	words, err := quoted.Split(value)
	if err != nil || len(words) == 0 {
		return nil
	}
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil
	}
	defer stdin.Close()
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin = stdin
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		in.Close()
		return nil
	}
	p := &program{cmd: cmd, in: in, out: json.NewDecoder(stdout)}
	hello, err := p.receive(0)
	if err != nil {
		p.close()
		return nil
	}
	p.commands = hello.KnownCommands
	return p
}

// can reports whether the program is alive and knows the command.
func (p *program) can(command string) bool {
	return p != nil && p.err == nil && slices.Contains(p.commands, command)
}

// receive reads the answer to the request with the given number.
func (p *program) receive(id int64) (response, error) {
	var r response
	timer := time.AfterFunc(programTimeout, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	if err := p.out.Decode(&r); err != nil {
		p.err = err
	} else if r.ID != id {
		p.err = fmt.Errorf("answer to request %d instead of %d", r.ID, id)
	}
	if p.err == nil && r.Err != "" {
		return r, errors.New(r.Err)
	}
	return r, p.err
}

// send writes a request, with its body if that is not nil, and returns the
// answer.
func (p *program) send(r request, body io.Reader) (response, error) {
	timer := time.AfterFunc(programTimeout, func() { p.cmd.Process.Kill() })
	p.lastID++
	r.ID = p.lastID
	p.err = writeRequest(p.in, r, body)
	timer.Stop()
	if p.err != nil {
		return response{}, p.err
	}
	return p.receive(r.ID)
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

// close asks the program to end and waits until it has.
func (p *program) close() {
	if p == nil {
		return
	}
	if p.can("close") {
		p.send(request{Command: "close"}, nil)
	}
	p.in.Close()
	timer := time.AfterFunc(programTimeout, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	p.cmd.Wait()
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
	body, err := os.Open(r.DiskPath)
	if err != nil {
		return err
	}
	defer body.Close()
	if id, _, err := outputID(body); err != nil || !bytes.Equal(id, r.OutputID) {
		return errDamaged
	}
	m, size, s, err := readTail(body, l.key)
	if err != nil {
		return err
	}
	if m.Inputs, err = restamp(m.Inputs); err != nil {
		return err
	}
	tail, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return l.write(l.key, func(temp *os.File) error {
		if err := copyFile(temp, body, size); err != nil {
			return err
		}
		_, err := temp.WriteAt(appendFooter(tail, l.key, size, s), size)
		return err
	})
}

// restamp returns the inputs with the stamps that they have now. It is an
// error if one has changed.
func restamp(inputs []input) ([]input, error) {
	fresh := slices.Clone(inputs)
	for i := range fresh {
		if in := &fresh[i]; in.Stamp != "" {
			// First the stamp, then the content: a change between the two
			// is found when the entry is used.
			now, _, err := stamp(in.Path)
			if err != nil {
				return nil, err
			}
			in.Stamp = now
		}
		if !inputs[i].unchanged() {
			return nil, errInputsChanged
		}
	}
	return fresh, nil
}

// offer gives the entry that was just stored to the program. The cache does
// not depend on whether that works.
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
