package harnesstest

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

type cacheRequest struct {
	ID                 int64
	Command            string
	ActionID, OutputID []byte
	BodySize           int64
}

type cacheAnswer struct {
	ID            int64
	Err           string   `json:",omitempty"`
	KnownCommands []string `json:",omitempty"`
	Miss          bool     `json:",omitempty"`
	OutputID      []byte   `json:",omitempty"`
	Size          int64    `json:",omitempty"`
	DiskPath      string   `json:",omitempty"`
}

// CacheProgram is a GOCACHEPROG, and returns its exit status. The arguments are
// the directory that it stores into, and faults. It writes its requests to the
// file requests there, and waits for a file go-on. What it does not have it looks for in the directory
// GOCACHE, so that a module's tests need not compile the standard library.
func CacheProgram(args []string) int {
	dir, faults := args[0], args[1:]
	has := func(fault string) bool { return slices.Contains(faults, fault) }
	in := bufio.NewReader(os.Stdin)
	switch {
	case has("exits"):
		return 1
	case has("babbles"):
		fmt.Println("hello")
		return 0
	case has("is silent"):
		io.Copy(io.Discard, in)
		return 0
	case has("floods"):
		for {
			if _, err := os.Stdout.WriteString(strings.Repeat(" ", 1<<16)); err != nil {
				return 1
			}
		}
	}
	if has("leaves a child") {
		child := exec.Command("sleep", "1000")
		child.Stdin, child.Stdout = os.Stdin, os.Stdout
		if child.Start() != nil {
			return 1
		}
	}
	known := slices.DeleteFunc([]string{"get", "put", "close"}, func(c string) bool { return has("has no " + c) })
	out := json.NewEncoder(os.Stdout)
	out.Encode(cacheAnswer{KnownCommands: known})
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			if has("ignores the end") {
				time.Sleep(time.Hour)
			}
			return 0
		}
		if len(strings.TrimSpace(string(line))) == 0 {
			continue
		}
		var r cacheRequest
		if err := json.Unmarshal(line, &r); err != nil {
			fmt.Fprintf(os.Stderr, "request %q: %v\n", line, err)
			return 1
		}
		note(dir, r.Command)
		if has("is slow") {
			time.Sleep(300 * time.Millisecond)
		}
		if has("waits at " + r.Command) {
			for !exists(filepath.Join(dir, "go-on")) {
				time.Sleep(time.Millisecond)
			}
		}
		answer := cacheAnswer{ID: r.ID}
		switch {
		case has("hangs at " + r.Command):
			time.Sleep(time.Hour)
		case has("dies at " + r.Command):
			return 1
		case has("breaks off at " + r.Command):
			os.Stdout.WriteString(`{"ID":1,"Out`)
			return 0
		case has("refuses " + r.Command):
			answer.Err = "out of order"
		case has("answers another"):
			answer.ID += 7
		case has("answers at length"):
			answer.Miss, answer.Err = true, strings.Repeat("x", 4<<20)
		case r.Command == "get":
			answer.look(dir, r.ActionID)
		}
		if r.Command == "put" {
			if err := r.store(dir, in, has); err != nil {
				answer.Err = err.Error()
			}
			answer.DiskPath = filepath.Join(dir, hex.EncodeToString(r.OutputID))
		}
		out.Encode(answer)
		if has("dies after " + r.Command) {
			return 1
		}
		if r.Command == "close" && !has("ignores the end") {
			return 0
		}
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func (a *cacheAnswer) look(dir string, action []byte) {
	name := hex.EncodeToString(action)
	if id, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
		a.OutputID, a.DiskPath = id, filepath.Join(dir, hex.EncodeToString(id))
	} else if entry, err := os.ReadFile(filepath.Join(os.Getenv("GOCACHE"), name[:2], name+"-a")); err == nil {
		// v1, action, output, size, time: see cmd/go/internal/cache.
		if fields := strings.Fields(string(entry)); len(fields) == 5 {
			a.OutputID, _ = hex.DecodeString(fields[2])
			a.DiskPath = filepath.Join(os.Getenv("GOCACHE"), fields[2][:2], fields[2]+"-d")
		}
	}
	if info, err := os.Stat(a.DiskPath); err == nil {
		a.Size = info.Size()
	} else {
		*a = cacheAnswer{ID: a.ID, Miss: true}
	}
}

// store reads the body of a put, and keeps it if it is what the request says.
func (r cacheRequest) store(dir string, in *bufio.Reader, has func(fault string) bool) error {
	body, err := os.CreateTemp(dir, "body")
	if err != nil {
		return err
	}
	defer os.Remove(body.Name())
	defer body.Close()
	h := sha256.New()
	size := int64(0)
	if r.BodySize > 0 {
		if _, err := in.ReadBytes('"'); err != nil {
			return err
		}
		size, err = io.Copy(io.MultiWriter(h, body), base64.NewDecoder(base64.StdEncoding, &untilQuote{in, false}))
		if err != nil {
			return err
		}
	}
	if size != r.BodySize || string(h.Sum(nil)) != string(r.OutputID) {
		return fmt.Errorf("a body of %d bytes, not %d, or with another sum", size, r.BodySize)
	}
	if has("keeps nothing") {
		return nil
	}
	if has("damages") {
		if _, err := body.WriteAt([]byte("damaged"), size/2); err != nil {
			return err
		}
	}
	if err := os.Rename(body.Name(), filepath.Join(dir, hex.EncodeToString(r.OutputID))); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, hex.EncodeToString(r.ActionID)), r.OutputID, 0o600)
}

// untilQuote reads up to a quote, and that.
type untilQuote struct {
	from *bufio.Reader
	over bool
}

func (u *untilQuote) Read(p []byte) (int, error) {
	if u.over {
		return 0, io.EOF
	}
	if _, err := u.from.Peek(1); err != nil {
		return 0, err
	}
	part, _ := u.from.Peek(min(u.from.Buffered(), len(p)))
	n := copy(p, part)
	if i := strings.IndexByte(string(part), '"'); i >= 0 {
		n, u.over = i, true
		u.from.Discard(1)
	}
	u.from.Discard(n)
	return n, nil
}

func note(dir, command string) {
	f, err := os.OpenFile(filepath.Join(dir, "requests"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err == nil {
		fmt.Fprintln(f, command)
		f.Close()
	}
}
