package linkcache

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
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgtest/harness/gotest"
)

// cacheProgram is a GOCACHEPROG: args are the directory that it stores into,
// and how it misbehaves.
func cacheProgram(args []string) int {
	dir, fault := args[0], args[1]
	in := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	switch fault {
	case "exits":
		return 1
	case "babbles":
		fmt.Println("hello")
		return 0
	case "silent":
		logRequest(dir, request{Command: "start"})
		io.Copy(io.Discard, in)
		return 0
	case "deaf": // not even to the end of its input
		logRequest(dir, request{Command: "start"})
		time.Sleep(time.Hour)
	case "floods":
		logRequest(dir, request{Command: "start"})
		for {
			if _, err := os.Stdout.WriteString(strings.Repeat(" ", 1<<16)); err != nil {
				return 1
			}
		}
	case "leaves its pipes to a child":
		logRequest(dir, request{Command: "start"})
		child := exec.Command("sleep", "1000")
		child.Stdin, child.Stdout = os.Stdin, os.Stdout
		if err := child.Start(); err != nil {
			return 1
		}
		os.WriteFile(filepath.Join(dir, "child"), fmt.Append(nil, child.Process.Pid), 0o600)
		time.Sleep(time.Hour)
	}
	out.Encode(response{KnownCommands: []string{"get", "put", "close"}})
	for {
		var r request
		line, err := in.ReadBytes('\n')
		if err != nil {
			return 0
		}
		if len(strings.TrimSpace(string(line))) == 0 {
			continue
		}
		if err := json.Unmarshal(line, &r); err != nil {
			fmt.Fprintf(os.Stderr, "request %q: %v\n", line, err)
			return 1
		}
		logRequest(dir, r)
		if fault == "hangs at "+r.Command {
			time.Sleep(time.Hour)
		}
		answer := response{ID: r.ID}
		action := filepath.Join(dir, hex.EncodeToString(r.ActionID))
		switch {
		case fault == "dies":
			return 1
		case fault == "refuses":
			answer.Err = "out of order"
		case fault == "answers another":
			answer.ID += 7
		case r.Command == "get":
			id, err := os.ReadFile(action)
			answer.Miss = err != nil
			answer.OutputID, answer.DiskPath = id, filepath.Join(dir, hex.EncodeToString(id))
			switch fault {
			case "wrong id":
				answer.OutputID = make([]byte, sha256.Size)
			case "named pipe", "directory", "device":
				answer.Miss, answer.OutputID = false, make([]byte, sha256.Size)
				answer.DiskPath = map[string]string{"named pipe": filepath.Join(dir, "pipe"), "directory": dir, "device": "/dev/zero"}[fault]
				syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600)
			case "huge answer":
				answer.Miss, answer.Err = true, strings.Repeat("x", 4<<20)
			}
		case r.Command == "put":
			body, err := readBody(in)
			sum := sha256.Sum256(body)
			if err != nil || int64(len(body)) != r.BodySize || string(sum[:]) != string(r.OutputID) {
				answer.Err = fmt.Sprintf("bad body: %d bytes, %v", len(body), err)
				break
			}
			answer.DiskPath = filepath.Join(dir, hex.EncodeToString(r.OutputID))
			os.WriteFile(answer.DiskPath, body, 0o600)
			os.WriteFile(action, r.OutputID, 0o600)
		}
		out.Encode(answer)
		if r.Command == "close" {
			return 0
		}
	}
}

func readBody(in *bufio.Reader) ([]byte, error) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if line = strings.TrimSpace(line); line != "" {
			return base64.StdEncoding.DecodeString(strings.Trim(line, `"`))
		}
	}
}

func logRequest(dir string, r request) {
	f, err := os.OpenFile(filepath.Join(dir, "requests"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err == nil {
		fmt.Fprintln(f, r.Command)
		f.Close()
	}
}

// useProgram makes the link ask the cache program that stores into dir.
func (l *fakeLink) useProgram(dir, fault string) {
	l.t.Helper()
	value, err := gotest.JoinQuoted([]string{self(l.t), "__cacheprog", dir, fault})
	if err != nil {
		l.t.Fatal(err)
	}
	l.env = append(l.env, "GOCACHEPROG="+value)
}

// Two machines, which share a cache program, link once.
func TestProgramSharesLinks(t *testing.T) {
	dir := t.TempDir()
	body := writesBinary + "; echo a warning"
	first, second := newFakeLink(t, openCache(t), body), newFakeLink(t, openCache(t), body)
	second.linker = first.linker
	second.runs = first.runs
	first.useProgram(dir, "")
	second.useProgram(dir, "")
	first.mustLink("first machine", 1)
	second.mustLink("second machine", 1)
	if readFile(t, first.output) != readFile(t, second.output) {
		t.Error("the machines have different binaries")
	}
	checkOutcomes(t, first.cache, "m")
	checkOutcomes(t, second.cache, "f")
	requests := readFile(t, filepath.Join(dir, "requests"))
	if requests != "get\nput\nclose\nget\nclose\n" {
		t.Errorf("requests %q", requests)
	}
	if out, _ := second.run(); out != "a warning\n" {
		t.Errorf("printed %q", out)
	}
	checkOutcomes(t, second.cache, "fh")
	if got := readFile(t, filepath.Join(dir, "requests")); got != requests {
		t.Errorf("a local hit asked the program: %q", got)
	}
}

// What the program returns is checked like any entry, and by the id of the
// content that it gives itself.
func TestProgramsAnswerIsChecked(t *testing.T) {
	for _, fault := range []string{"", "wrong id"} {
		t.Run(fault, func(t *testing.T) {
			dir := t.TempDir()
			l := newFakeLink(t, openCache(t), writesBinary)
			l.useProgram(dir, "")
			l.mustLink("first", 1)
			if fault == "" {
				damageBodies(t, dir)
			}
			l.useProgram(dir, fault)
			if err := l.cache.Clean(); err != nil {
				t.Fatal(err)
			}
			l.mustLink("damaged", 2)
			checkOutcomes(t, l.cache, "m")
		})
	}
}

// damageBodies changes a bit in the middle of each body that the cache program
// has stored.
func damageBodies(t *testing.T, dir string) {
	t.Helper()
	stored, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stored {
		name := filepath.Join(dir, file.Name())
		if data := []byte(readFile(t, name)); len(data) > 1000 {
			data[len(data)/2] ^= 1
			writeFile(t, name, string(data), 0o600)
		}
	}
}

func TestUnusableProgram(t *testing.T) {
	for _, fault := range []string{"exits", "babbles", "dies", "refuses", "answers another",
		"named pipe", "directory", "device", "huge answer", "floods"} {
		t.Run(fault, func(t *testing.T) {
			l := newFakeLink(t, openCache(t), writesBinary)
			l.useProgram(t.TempDir(), fault)
			l.mustLink("first", 1)
			l.mustLink("second", 1)
			checkOutcomes(t, l.cache, "mh")
		})
	}
	l := newFakeLink(t, openCache(t), writesBinary)
	l.env = append(l.env, "GOCACHEPROG=no-such-program")
	l.mustLink("missing program", 1)
	l.env = append(l.env, "GOCACHEPROG='open quote")
	l.mustLink("open quote", 1)
}

// A program that says nothing, or hangs at some message, is given up for all
// links of a run. It is ended, whatever it waits for.
func TestHangingProgramIsGivenUp(t *testing.T) {
	for _, tt := range []struct{ fault, requests string }{
		{"silent", "start\n"},
		{"deaf", "start\n"},
		{"leaves its pipes to a child", "start\n"},
		{"hangs at get", "get\n"},
		{"hangs at put", "get\nput\n"},
		{"hangs at close", "get\nput\nclose\n"},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			dir := t.TempDir()
			l := newFakeLink(t, openCache(t), writesBinary)
			l.useProgram(dir, tt.fault)
			l.env = append(l.env, "TEST_ANSWER_PATIENCE=3s")
			if !strings.HasPrefix(tt.fault, "hangs") {
				l.env = append(l.env, "TEST_START_PATIENCE=1s")
			}
			t.Cleanup(func() {
				if pid, err := os.ReadFile(filepath.Join(dir, "child")); err == nil {
					n, _ := strconv.Atoi(string(pid))
					syscall.Kill(n, syscall.SIGKILL)
				}
			})
			id := l.flags[1]
			for i := range 5 {
				l.flags[1] = id + fmt.Sprint(i)
				l.mustLink(fmt.Sprint("link ", i), i+1)
			}
			checkOutcomes(t, l.cache, "mmmmm")
			// Before a slow one notes its start, it may have been ended.
			if got, _ := os.ReadFile(filepath.Join(dir, "requests")); string(got) != tt.requests && len(got) > 0 {
				t.Errorf("requests %q, want %q", got, tt.requests)
			}
		})
	}
}
