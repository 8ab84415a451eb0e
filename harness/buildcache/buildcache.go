// Package buildcache stands between the go command and the program that its setting
// GOCACHEPROG names. The go command asks that for a thousand small files, one or two
// at a time, which takes long where each comes from another machine. So what a run
// has asked for is put into the program once more, as one bundle; a machine that has
// nothing gets that first, and answers from it. What a bundle does not have, the
// program is asked for, so an old one only saves less.
package buildcache

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"pgtest/harness/internal/cacheprog"
	"pgtest/harness/internal/control"
	"pgtest/harness/internal/words"
)

// Role is the name of the process, the go command's GOCACHEPROG.
const Role = "__gocache"

// Options are the words between [Role] and the words of the user's program.
type Options struct {
	// Dir keeps unpacked bundles. Key says which one is the run's: it is 64
	// hexadecimal digits.
	Dir string
	Key string
	// Patience is how long the go command waits for a bundle, and the program has to
	// take one; 0 is as usual.
	Patience time.Duration
}

// Key returns the key of what describes a build.
func Key(description ...string) string {
	h := sha256.New()
	for _, d := range description {
		fmt.Fprintf(h, "%d %s\n", len(d), d)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Words returns the role and its arguments. The last ones are the words of the
// user's program.
func Words(o Options, program []string) []string {
	return append([]string{Role}, words.Of(o, program...)...)
}

// getPatience is how long the go command waits for the bundle: without it, it would
// wait for its files. putPatience is for the end, together with a fiftieth of the run.
const (
	getPatience = 5 * time.Second
	putPatience = 2 * time.Second
)

// staleShare is the part of what the run has asked for that makes a bundle old if it
// lacks it.
const staleShare = 10

// firstOwnID is the ID of the first request that is not the go command's, whose IDs
// count from 1.
const firstOwnID = 1 << 50

// A bridge passes on what the go command asks the program, and the answers.
type bridge struct {
	options Options
	store   *store // nil for none
	started time.Time
	program *exec.Cmd

	writing   sync.Mutex // to the program
	toProgram *os.File
	answering sync.Mutex // to the go command
	toGo      io.Writer

	settled chan struct{} // closed when entries stays as it is
	entries map[id]entry

	mu       sync.Mutex
	commands []string
	asked    map[int64]record // of the go command's requests, what is known
	own      map[int64]chan cacheprog.Response
	lastOwn  int64
	fetched  []record // from the program
	used     []record // from the bundle
}

// Main is the process: it starts the program, which args name behind the options, and
// ends with it.
func Main(args []string) int {
	var o Options
	program, err := words.Parse(Role, args, &o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return 2
	}
	b := &bridge{
		options: o, started: time.Now(), toGo: os.Stdout, settled: make(chan struct{}),
		asked: make(map[int64]record), own: make(map[int64]chan cacheprog.Response), lastOwn: firstOwnID,
	}
	control.RestoreEnvironment()
	b.store, _ = openStore(o.Dir, o.Key)
	answers, err := b.start(program)
	if err != nil {
		fmt.Fprintf(os.Stderr, "go: error starting GOCACHEPROG program %q: %v\n", program[0], err)
		return 1
	}
	go b.ask(os.Stdin)
	b.answer(answers)
	if b.program.Wait() != nil {
		return 1
	}
	return 0
}

func (b *bridge) start(program []string) (answers io.Reader, err error) {
	stdin, toProgram, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	b.toProgram = toProgram
	b.program = exec.Command(program[0], program[1:]...)
	b.program.Stdin, b.program.Stderr = stdin, os.Stderr
	if answers, err = b.program.StdoutPipe(); err != nil {
		return nil, err
	}
	return answers, b.program.Start()
}

// ask passes on the go command's requests, but answers those that the bundle can.
func (b *bridge) ask(requests io.Reader) {
	defer b.toProgram.Close()
	in := bufio.NewReaderSize(requests, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var r cacheprog.Request
		if strings.TrimSpace(string(line)) == "" || json.Unmarshal(line, &r) != nil {
			continue
		}
		switch r.Command {
		case "get":
			// It may wait for the bundle.
			go func() {
				if !b.know(r) {
					b.pass(line, r, nil)
				}
			}()
			continue
		case "close":
			b.finish()
		}
		if err := b.pass(line, r, in); err != nil {
			return
		}
	}
}

// pass writes a line of the go command's to the program, and the body that follows it
// in the go command's output.
func (b *bridge) pass(line []byte, r cacheprog.Request, in *bufio.Reader) error {
	if r.Command == "get" || r.Command == "put" {
		b.mu.Lock()
		asked := record{entry: entry{size: r.BodySize}}
		copy(asked.action[:], r.ActionID)
		copy(asked.output[:], r.OutputID)
		b.asked[r.ID] = asked
		b.mu.Unlock()
	}
	b.writing.Lock()
	defer b.writing.Unlock()
	if _, err := b.toProgram.Write(line); err != nil || r.BodySize == 0 {
		return err
	}
	for {
		switch quote, err := in.ReadByte(); {
		case err != nil:
			return err
		case quote != '"':
			continue
		}
		break
	}
	if _, err := io.WriteString(b.toProgram, `"`); err != nil {
		return err
	}
	// Up to the quote behind it, and the end of the line.
	if _, err := io.CopyN(b.toProgram, in, int64(base64.StdEncoding.EncodedLen(int(r.BodySize)))+2); err != nil {
		return err
	}
	return nil
}

// know answers a get if the bundle has it.
func (b *bridge) know(r cacheprog.Request) bool {
	select {
	case <-b.settled:
	case <-time.After(time.Until(b.started.Add(cmp.Or(b.options.Patience, getPatience)))):
		return false
	}
	if len(r.ActionID) != len(id{}) {
		return false
	}
	action := id(r.ActionID)
	e, ok := b.entries[action]
	if !ok {
		return false
	}
	path := b.store.output(e)
	if path == "" {
		return false
	}
	b.mu.Lock()
	b.used = append(b.used, record{action, e, path})
	b.mu.Unlock()
	answer := cacheprog.Response{ID: r.ID, OutputID: e.output[:], Size: e.size, DiskPath: path}
	if e.time != 0 {
		t := time.Unix(0, e.time)
		answer.Time = &t
	}
	line, err := json.Marshal(answer)
	if err == nil {
		b.tell(line)
	}
	return err == nil
}

func (b *bridge) tell(line []byte) {
	b.answering.Lock()
	defer b.answering.Unlock()
	b.toGo.Write(append(line, '\n'))
}

// answer passes on the program's answers until it has ended. What is no answer is the
// go command's to judge.
func (b *bridge) answer(answers io.Reader) {
	lines := json.NewDecoder(answers)
	for {
		var line json.RawMessage
		if err := lines.Decode(&line); err != nil {
			b.answering.Lock()
			defer b.answering.Unlock()
			io.Copy(b.toGo, io.MultiReader(lines.Buffered(), answers))
			return
		}
		var r cacheprog.Response
		json.Unmarshal(line, &r)
		if !b.note(r) {
			b.tell(line)
		}
		if r.ID == 0 && len(r.KnownCommands) > 0 {
			go b.settle(r.KnownCommands)
		}
	}
}

// note notes an answer, and reports whether it is for the bridge.
func (b *bridge) note(r cacheprog.Response) (own bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if waiting, ok := b.own[r.ID]; ok {
		delete(b.own, r.ID)
		waiting <- r
		return true
	}
	asked, ok := b.asked[r.ID]
	delete(b.asked, r.ID)
	if !ok || r.Err != "" || r.Miss || r.DiskPath == "" {
		return false
	}
	if len(r.OutputID) == len(id{}) {
		asked.output, asked.size = id(r.OutputID), r.Size
	}
	if r.Time != nil {
		asked.time = r.Time.UnixNano()
	}
	asked.path = r.DiskPath
	b.fetched = append(b.fetched, asked)
	return false
}

// settle gets the bundle, from this machine or from the program.
func (b *bridge) settle(commands []string) {
	b.mu.Lock()
	again := b.commands != nil
	b.commands = commands
	b.mu.Unlock()
	if again {
		return
	}
	defer close(b.settled)
	if b.store == nil {
		return
	}
	if b.entries = b.store.load(); b.entries != nil || !slices.Contains(commands, "get") {
		return
	}
	r, err := b.request(context.Background(), cacheprog.Request{Command: "get", ActionID: b.bundleID()}, nil)
	if err != nil || r.Miss || r.DiskPath == "" {
		return
	}
	packed, err := os.Open(r.DiskPath)
	if err != nil {
		return
	}
	defer packed.Close()
	b.store.add(func(dir string) error { return readBundle(packed, r.OutputID, dir) })
	b.entries = b.store.load()
}

// bundleID is the run's bundle to the program. The go command's own ids are hashes of
// other texts.
func (b *bridge) bundleID() []byte {
	sum := sha256.Sum256([]byte(magic + b.store.key))
	return sum[:]
}

// request asks the program for something of the bridge's own. If ctx is done while
// the program reads the request, that gets no more of any.
func (b *bridge) request(ctx context.Context, r cacheprog.Request, body io.Reader) (cacheprog.Response, error) {
	answer := make(chan cacheprog.Response, 1)
	b.mu.Lock()
	b.lastOwn++
	r.ID = b.lastOwn
	b.own[r.ID] = answer
	b.mu.Unlock()
	if err := b.send(ctx, r, body); err != nil {
		return cacheprog.Response{}, err
	}
	select {
	case r := <-answer:
		if r.Err != "" {
			return r, errors.New(r.Err)
		}
		return r, nil
	case <-ctx.Done():
		return cacheprog.Response{}, ctx.Err()
	}
}

func (b *bridge) send(ctx context.Context, r cacheprog.Request, body io.Reader) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	late, _ := ctx.Deadline()
	b.toProgram.SetWriteDeadline(late)
	defer b.toProgram.SetWriteDeadline(time.Time{})
	return cacheprog.Write(b.toProgram, r, body)
}

// finish puts a new bundle into the program if the run has asked for much that the
// old one lacks.
func (b *bridge) finish() {
	select {
	case <-b.settled:
	default:
		return
	}
	if b.store == nil {
		return
	}
	defer b.store.trim()
	b.mu.Lock()
	fetched, used, commands := b.fetched, b.used, b.commands
	b.mu.Unlock()
	if len(used) >= len(fetched) && len(used) > 0 {
		b.store.touch()
	}
	if len(fetched)*staleShare <= len(fetched)+len(used) || !slices.Contains(commands, "put") || b.store.refused() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(b.options.Patience, putPatience)+time.Since(b.started)/50)
	defer cancel()
	if err := b.put(ctx, slices.Concat(used, fetched)); err != nil {
		b.store.noteRefused()
	}
	if ctx.Err() != nil {
		// All that the go command has put is answered.
		b.program.Process.Kill()
	}
}

func (b *bridge) put(ctx context.Context, records []record) error {
	bundle, err := b.store.temp()
	if err != nil {
		return err
	}
	defer bundle.Close()
	// If it is too much, many small outputs count for more than a large one.
	slices.SortStableFunc(records, func(x, y record) int { return cmp.Compare(x.size, y.size) })
	h := sha256.New()
	if err := writeBundle(ctx, io.MultiWriter(bundle, h), records); err != nil {
		return err
	}
	size, err := bundle.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if _, err := bundle.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err = b.request(ctx, cacheprog.Request{Command: "put", ActionID: b.bundleID(), OutputID: h.Sum(nil), BodySize: size}, bundle)
	return err
}
