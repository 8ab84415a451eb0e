package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/harness/harnesstest"
)

// A phaseRun is a pgtest that is in a phase in which it waits for somebody.
type phaseRun struct {
	t     *testing.T
	dir   string // its module
	cmd   *exec.Cmd
	input io.WriteCloser
	out   syncBuffer
	mark  string
	ended chan error
}

// A syncBuffer can be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// until waits for a condition.
func (r *phaseRun) until(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.cmd.Process.Kill()
			r.t.Fatalf("%s: not so\n%s", what, r.out.String())
		}
	}
}

// inCall says whether a thread of pgtest is in a system call on something that does
// not answer.
func (r *phaseRun) inCall(number int) func() bool {
	return func() bool {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", r.cmd.Process.Pid))
		for _, task := range tasks {
			if call, err := os.ReadFile(task); err == nil && strings.HasPrefix(string(call), fmt.Sprint(number)+" ") {
				return true
			}
		}
		return false
	}
}

func (r *phaseRun) exists(name string) func() bool {
	return func() bool {
		_, err := os.Stat(filepath.Join(r.dir, name))
		return err == nil
	}
}

func (r *phaseRun) says(text string) func() bool {
	return func() bool { return strings.Contains(r.out.String(), text) }
}

const phaseTest = `package p

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestTalks(t *testing.T) {
	if os.Getenv("TALK") != "" {
		for range 5000 {
			fmt.Println(strings.Repeat("x", 200))
		}
		t.Fail()
	}
}
`

// TestPhases has a run wait in each phase for somebody who never comes. A signal
// ends it, or where something could still come a second or a third.
func TestPhases(t *testing.T) {
	const waitingGo = "#!/bin/sh\ntrap '' INT TERM\n: >started\nwhile :; do sleep 1000; done\n"
	for _, tt := range []struct {
		name    string
		words   string
		fifo    string // made, and with a reader that takes nothing if open is set
		open    bool
		stuck   bool // standard output has a reader that takes nothing
		goIs    string
		env     []string
		waiting func(*phaseRun) // waits until the run waits
		signals int
	}{
		{name: "opening the JUnit file", words: "--junitfile=fifo ./...", fifo: "fifo", signals: 1,
			waiting: func(r *phaseRun) { r.until("an open that waits", r.inCall(unix.SYS_OPENAT)) }},
		{name: "opening the event file", words: "--jsonfile=fifo ./...", fifo: "fifo", signals: 1,
			waiting: func(r *phaseRun) { r.until("an open that waits", r.inCall(unix.SYS_OPENAT)) }},
		{name: "writing the JUnit file", words: "--junitfile=fifo ./...", fifo: "fifo", open: true, signals: 2,
			env:     []string{"TALK=1"},
			waiting: func(r *phaseRun) { r.until("the summary", r.says("DONE 1 tests")) }},
		{name: "writing the event file", words: "--jsonfile=fifo ./...", fifo: "fifo", open: true, signals: 3,
			env: []string{"TALK=1"}, waiting: func(r *phaseRun) { r.fullPipe("fifo") }},
		{name: "writing to standard output", words: "--format=standard-verbose ./...", stuck: true, signals: 3,
			env: []string{"TALK=1"}, waiting: func(r *phaseRun) { r.fullPipe("stdout") }},
		{name: "go waits", words: "./...", goIs: waitingGo, signals: 3,
			waiting: func(r *phaseRun) { r.until("go has started", r.exists("started")) }},
		{name: "reading standard input", words: "--format=standard-json -", signals: 2,
			waiting: func(r *phaseRun) {
				io.WriteString(r.input, `{"Action":"start","Package":"a"}`+"\n")
				r.until("an event has been read", r.says(`"Package":"a"`))
			}},
		{name: "a process that holds the pipe", signals: 3,
			words:   "--raw-command -- setsid sh -c 'trap \"\" INT TERM; : >started; while :; do sleep 1000; done'",
			waiting: func(r *phaseRun) { r.until("the process has started", r.exists("started")) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &phaseRun{t: t, mark: harnesstest.Mark(t.Name()), ended: make(chan error, 1)}
			r.dir = writeModule(t, map[string]string{"p_test.go": phaseTest, "bin/go": tt.goIs})
			path := os.Getenv("PATH")
			if tt.goIs != "" {
				path = filepath.Join(r.dir, "bin") + ":" + path
				if err := os.Chmod(filepath.Join(r.dir, "bin", "go"), 0o777); err != nil {
					t.Fatal(err)
				}
			}
			if tt.fifo != "" {
				name := filepath.Join(r.dir, tt.fifo)
				if err := syscall.Mkfifo(name, 0o600); err != nil {
					t.Fatal(err)
				}
				if tt.open {
					r.hold(name)
				}
			}
			r.cmd = exec.Command("sh", "-c", "exec "+pgtestPath+" --grace=1h "+tt.words)
			r.cmd.Dir = r.dir
			r.cmd.Env = append(os.Environ(), r.mark, "PATH="+path)
			r.cmd.Env = append(r.cmd.Env, tt.env...)
			r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
			r.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			var err error
			if r.input, err = r.cmd.StdinPipe(); err != nil {
				t.Fatal(err)
			}
			defer r.input.Close()
			if tt.stuck {
				name := filepath.Join(r.dir, "stdout")
				if err := syscall.Mkfifo(name, 0o600); err != nil {
					t.Fatal(err)
				}
				r.hold(name)
				f, err := os.OpenFile(name, os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				f.Fd() // blocking, as a shell's pipes are
				r.cmd.Stdout = f
			}
			if err := r.cmd.Start(); err != nil {
				t.Fatal(err)
			}
			go func() { r.ended <- r.cmd.Wait() }()
			tt.waiting(r)
			r.endBy(tt.signals)
			for _, p := range harnesstest.Survivors(r.mark) {
				if strings.HasPrefix(tt.name, "a process that holds") {
					syscall.Kill(p.PID, syscall.SIGKILL) // it left its group, and is nobody's
					continue
				}
				t.Errorf("survivor: %v", p)
			}
		})
	}
}

// hold is a reader of a pipe that takes nothing.
func (r *phaseRun) hold(name string) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { f.Close() })
}

// fullPipe waits until a named pipe takes no more.
func (r *phaseRun) fullPipe(name string) {
	r.t.Helper()
	f, err := os.OpenFile(filepath.Join(r.dir, name), os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	r.until("a full pipe", func() bool {
		fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLOUT}}
		n, err := unix.Poll(fds, 0)
		return err == nil && n == 0
	})
}

// endBy sends so many signals, each when the one before has been taken, and waits
// for the end.
func (r *phaseRun) endBy(signals int) {
	r.t.Helper()
	for i := range signals {
		if i > 0 {
			r.until("the first signal has been answered", r.says(" to end; a second signal"))
		}
		r.cmd.Process.Signal(unix.SIGTERM)
		r.until("the signal has been taken", func() bool {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
			return err != nil || !strings.Contains(string(status), "ShdPnd:\t0000000000004000")
		})
	}
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.cmd.Process.Kill()
		r.t.Fatalf("pgtest goes on after %d signals\n%s", signals, r.out.String())
	}
	if state := r.cmd.ProcessState.Sys().(syscall.WaitStatus); state.Signal() != unix.SIGTERM {
		r.t.Errorf("pgtest: %v\n%s", r.cmd.ProcessState, r.out.String())
	}
}

// TestNonblocking has other processes make the run's standard files non-blocking
// while it waits for them.
func TestNonblocking(t *testing.T) {
	dir := writeModule(t, map[string]string{"p_test.go": phaseTest})
	// The descriptors of this process are its own, and what they stand for is
	// shared with pgtest.
	pipe := func() (r, w int) {
		var fds [2]int
		if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		return fds[0], fds[1]
	}
	start := func(words string, stdin, stdout, stderr int) func() error {
		argv := append([]string{pgtestPath}, strings.Fields(words)...)
		var files []*os.File
		for _, fd := range []int{stdin, stdout, stderr} {
			f := dup(t, fd)
			defer f.Close()
			files = append(files, f)
		}
		process, err := os.StartProcess(pgtestPath, argv, &os.ProcAttr{Dir: dir, Env: append(os.Environ(), "TALK=1"), Files: files})
		if err != nil {
			t.Fatal(err)
		}
		return func() error {
			timer := time.AfterFunc(patience, func() { process.Kill() })
			defer timer.Stop()
			state, err := process.Wait()
			if err == nil && state.ExitCode() != 1 {
				err = fmt.Errorf("%v", state)
			}
			return err
		}
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, which := range []string{"output", "errors"} {
		t.Run(which, func(t *testing.T) {
			r, w := pipe()
			words, wait := "--format=standard-verbose -count=1 ./...", (func() error)(nil)
			if which == "output" {
				wait = start(words, int(null.Fd()), w, int(null.Fd()))
			} else {
				words = `--raw-command -- sh -c seq${IFS}100000>&2;exit${IFS}1`
				wait = start(words, int(null.Fd()), int(null.Fd()), w)
			}
			full := []unix.PollFd{{Fd: int32(w), Events: unix.POLLOUT}}
			for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
				if n, err := unix.Poll(full, 0); err == nil && n == 0 {
					break
				}
				if time.Now().After(end) {
					t.Fatal("the pipe is not full")
				}
			}
			if err := syscall.SetNonblock(w, true); err != nil {
				t.Fatal(err)
			}
			syscall.Close(w)
			reader := os.NewFile(uintptr(r), which)
			defer reader.Close()
			got, err := io.ReadAll(reader)
			if err != nil {
				t.Fatal(err)
			}
			if err := wait(); err != nil {
				t.Error(err)
			}
			last := map[string]string{"output": "DONE 1 tests, 1 failure", "errors": "\n100000\n"}[which]
			if !strings.Contains(string(got), last) {
				t.Errorf("%d bytes without %q", len(got), last)
			}
		})
	}
	t.Run("input", func(t *testing.T) {
		r, w := pipe()
		out, outWriter := pipe()
		wait := start("--format=standard-json -", r, outWriter, int(null.Fd()))
		syscall.Close(outWriter)
		if err := syscall.SetNonblock(r, true); err != nil {
			t.Fatal(err)
		}
		syscall.Close(r)
		output, buf := os.NewFile(uintptr(out), "output"), make([]byte, 1000)
		defer output.Close()
		for _, action := range []string{"start", "fail"} {
			event := fmt.Sprintf(`{"Action":"%s","Package":"a"}`+"\n", action)
			if _, err := syscall.Write(w, []byte(event)); err != nil {
				t.Fatal(err)
			}
			if n, err := output.Read(buf); err != nil || string(buf[:n]) != event {
				t.Fatalf("got %q, %v, want %q", buf[:n], err, event)
			}
		}
		syscall.Close(w)
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
}

// dup returns a file of a descriptor, for a process that inherits it.
func dup(t *testing.T, fd int) *os.File {
	t.Helper()
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(n), "duplicate")
}
