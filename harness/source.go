package harness

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"pgtest/harness/archive"
	"pgtest/harness/gotest"
	"pgtest/harness/internal/control"
	"pgtest/harness/internal/supervisor"
	"pgtest/harness/internal/watchdog"
	"pgtest/harness/steady"
	"pgtest/jsonstream/event"
)

// A source is where the events of a round come from.
type source interface {
	// name returns the source's name for messages.
	name() string
	// runsGo reports whether it is a go test of the invocation's own, or does as
	// one. Only then do tests have supervisors, and does the exit status tell every
	// failure.
	runsGo() bool
	// goPath returns the path of the go command whose version is that of the
	// tests, or "" if nobody knows it.
	goPath() string
	// start starts the source, and a goroutine that reads its events.
	start(*invocation) (*feed, error)
	// interrupt makes the source start nothing new and end.
	interrupt() []step
	// signal passes on a signal that the tests get.
	signal(syscall.Signal) []step
	// kill ends the source at once; again says that this was tried before.
	kill(again bool) []step
}

// A feed is a source that was started.
type feed struct {
	ended  <-chan struct{} // closed when the command has ended; nil without one
	read   chan struct{}   // closed when the command has ended and all is read
	err    error           // why not everything could be read; set before read is closed
	giveUp func()          // ends reading
}

// newSource returns the source of the first round.
func (i *invocation) newSource() (source, error) {
	switch {
	case i.cfg.Input != nil:
		return input{i.cfg.Input}, nil
	case len(i.cfg.Command) > 0:
		return i.newCommand()
	}
	args, opts := i.cfg.Args, i.supervisorOptions()
	if len(i.cfg.Parts) > 0 {
		opts.Asks = true
		if line := gotest.Parse(args); line.Settings().Count == "" {
			args = line.With("count", "1").Words()
		}
	}
	return i.newGoTest(args, opts)
}

func (i *invocation) newCommand(more ...string) (source, error) {
	cmd, err := i.rawCommand(more)
	return command{program{cmd}}, err
}

func (i *invocation) newGoTest(args []string, opts supervisor.Options) (source, error) {
	cmd, err := i.goCommand(i.widened(args, opts))
	return goTest{program{cmd}, i.cfg.Archive}, err
}

// goTest is a go test of the invocation's own, or what does its part for an
// archive. Its tests are signalled by their supervisors.
type goTest struct {
	program
	archive *archive.Header // nil without one
}

func (g goTest) name() string {
	if g.archive != nil {
		return g.archive.Path
	}
	return "go test"
}

func (goTest) runsGo() bool { return true }

// interrupt sends SIGINT. Once a test binary has started, go starts nothing new then,
// waits for what runs, and removes its work directory. Before, the signal kills it, as
// SIGTERM always does, and the run removes the directory, in which it lies.
func (goTest) interrupt() []step { return []step{{verb: signalCommand, signal: syscall.SIGINT}} }

func (goTest) signal(sig syscall.Signal) []step {
	if sig != syscall.SIGSTOP && sig != syscall.SIGCONT {
		return nil
	}
	return []step{{verb: signalCommand, signal: sig}}
}

// command is a command other than go test. It gets the signals that a test
// would get.
type command struct{ program }

func (c command) name() string { return c.cmd.Args[0] }
func (command) runsGo() bool   { return false }

func (command) interrupt() []step { return nil }

func (command) signal(sig syscall.Signal) []step {
	return []step{{verb: signalCommand, signal: sig}}
}

// program is a command that prints events.
type program struct{ cmd *exec.Cmd }

// kill kills the command. The second time, it abandons the pipe that other
// processes still hold open.
func (program) kill(again bool) []step {
	var steps []step
	if again {
		steps = []step{{verb: killWatchdog}, {verb: giveUpEvents}}
	}
	return append(steps, step{verb: signalCommand, signal: syscall.SIGKILL})
}

func (p program) start(i *invocation) (*feed, error) {
	stdout, stdoutWriter, err := newEventPipe()
	if err != nil {
		return nil, err
	}
	stderr, stderrWriter, err := os.Pipe()
	if err != nil {
		stdout.Close()
		stdoutWriter.Close()
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = stdoutWriter, stderrWriter
	err = i.startWatchdog(p.cmd)
	stdoutWriter.Close()
	stderrWriter.Close()
	closeAll := func() {
		stdout.Close()
		stderr.Close()
	}
	if err != nil {
		closeAll()
		return nil, fmt.Errorf("%s: %w", p.cmd.Args[0], bare(err))
	}
	f := &feed{ended: i.watchdog.Ended(), read: make(chan struct{}), giveUp: closeAll}
	go func() {
		defer close(f.read)
		errorsRead := make(chan error)
		go func() { errorsRead <- readAll(stderr, i.stream.ReadErrors) }()
		err := readAll(stdout, i.stream.ReadOutput)
		f.err = cmp.Or(err, <-errorsRead)
		<-f.ended
	}()
	return f, nil
}

// readAll reads a pipe and closes it. It drops what read leaves, so that the
// writer can end. It returns no error if the feed was abandoned.
func readAll(pipe io.ReadCloser, read func(io.Reader) error) error {
	defer pipe.Close()
	defer io.Copy(io.Discard, pipe)
	if err := read(pipe); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// startWatchdog starts the watchdog, which removes the directories if the
// invocation is killed, then opens the socket there, and starts a command below
// the watchdog that may be nil. The watchdog of the round before then ends.
func (i *invocation) startWatchdog(cmd *exec.Cmd) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	open := func() error {
		if err := i.listener.Open(); err != nil {
			return err
		}
		i.shareLinks()
		if before := i.watchdog; before != nil {
			i.serveDuring(func() { before.HandOver(i.untidy()) })
			if i.signals.Ending() {
				return errEnding
			}
		}
		setTopDir(i.listener.Dir())
		if cmd != nil && i.plan.source.runsGo() {
			cmd.Env = append(cmd.Env, control.SocketVariable+"="+i.listener.Path())
		}
		return nil
	}
	i.watchdog, err = watchdog.Start([]string{self, watchdog.Role}, i.listener.Dirs(), open, cmd)
	return err
}

// input is read from a file or a pipe. There is no process to signal: reading
// goes on to the end, and stops early only in place of SIGKILL.
type input struct{ reader io.Reader }

func (s input) name() string {
	if f, ok := s.reader.(interface{ Name() string }); ok {
		return f.Name()
	}
	return "input"
}

func (input) runsGo() bool { return false }

// start copies the input to a pipe, whose reading can be ended while the copy
// still waits for a terminal or another pipe.
func (s input) start(i *invocation) (*feed, error) {
	i.startWatchdog(nil) // without one, the directory stays if the invocation is killed
	if err := i.listener.Open(); err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	go func() {
		// The types hide ReadFrom and WriteTo, which have a small buffer.
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{steady.Reader(s.reader)}, make([]byte, event.ReadSize))
		w.CloseWithError(err)
	}()
	f := &feed{read: make(chan struct{}), giveUp: func() { w.Close() }}
	go func() {
		defer close(f.read)
		f.err = i.stream.ReadOutput(r)
	}()
	return f, nil
}

func (input) interrupt() []step { return nil }

func (input) signal(sig syscall.Signal) []step {
	if sig != syscall.SIGKILL {
		return nil
	}
	return []step{{verb: giveUpEvents}}
}

func (input) kill(bool) []step { return nil }
