//go:build linux

// Package ptytest runs commands on real terminals for tests: a program gets a
// pty as its controlling terminal, keys are typed at the other end, and what is
// on the screen, who is in the foreground and what every process is doing can
// be waited for. Nothing in it is timed; a wait that takes longer than Limit
// fails the test.
package ptytest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"pgtest/harness/harnesstest"
)

// Limit is how long a wait may take: generous, as reaching it is a failure. The
// environment variable PTYTEST_LIMIT sets another, for work on a failing test.
var Limit = limit()

func limit() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("PTYTEST_LIMIT")); err == nil {
		return d
	}
	return 90 * time.Second
}

// Keys that the terminal turns into signals.
const (
	CtrlC         = "\x03"
	CtrlZ         = "\x1a"
	CtrlBackslash = "\x1c"
)

// marker is the environment variable that every process of a terminal inherits
// and is found by.
const marker = "PTYTEST_TERMINAL"

// Terminal is a pty with a session of processes in it.
type Terminal struct {
	Shell *exec.Cmd // the session leader

	t      testing.TB
	master *os.File
	id     string

	mu     sync.Mutex
	output []byte // everything that was written to the terminal
	seen   int    // how much of it Expect has gone past
}

// Open starts argv in dir as the leader of a session on a new terminal, with
// env added to the environment. Everything in it ends with the test, by SIGKILL
// if need be.
func Open(t testing.TB, dir string, env []string, argv ...string) *Terminal {
	t.Helper()
	term := &Terminal{
		t:     t,
		id:    fmt.Sprintf("%d-%s", os.Getpid(), strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())) + "-" + filepath.Base(dir),
		Shell: exec.Command(argv[0], argv[1:]...),
	}
	term.Shell.Dir = dir
	term.Shell.Env = append(os.Environ(), "TERM=xterm", "HOME="+dir, "HISTFILE=", marker+"="+term.id)
	term.Shell.Env = append(term.Shell.Env, env...)
	harnesstest.CatchIgnored()
	master, err := pty.StartWithSize(term.Shell, &pty.Winsize{Rows: 24, Cols: 200})
	if err != nil {
		t.Fatalf("start %q on a terminal: %v", argv, err)
	}
	if term.master, err = pollable(master); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go term.read(read)
	t.Cleanup(func() {
		term.kill(false)
		term.Shell.Process.Kill()
		term.Shell.Wait()
		// New ones may have been born while the others were killed.
		for end := time.Now().Add(Limit); term.kill(time.Now().After(end)); {
			time.Sleep(time.Millisecond)
		}
		term.master.Close()
		<-read
		if t.Failed() {
			t.Logf("screen:\n%s", term.Screen())
		}
	})
	return term
}

// kill kills the terminal's processes, and reports whether there were any. A
// watchdog is left, unless all are to be killed: once its run is dead it removes
// the files of the run, and ends.
func (term *Terminal) kill(all bool) bool {
	processes := term.Processes()
	for _, p := range processes {
		if all || !strings.Contains(p.Command, " __watchdog") {
			unix.Kill(p.Pid, unix.SIGKILL)
		}
	}
	return len(processes) > 0
}

// pollable returns f in a mode in which it can be closed while it is read,
// which package pty has left.
func pollable(f *os.File) (*os.File, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

func (term *Terminal) read(done chan<- struct{}) {
	defer close(done)
	for buf := make([]byte, 4096); ; {
		n, err := term.master.Read(buf)
		term.mu.Lock()
		term.output = append(term.output, buf[:n]...)
		term.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Screen returns all that was written to the terminal.
func (term *Terminal) Screen() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return string(term.output)
}

// Type types keys.
func (term *Terminal) Type(keys string) {
	term.t.Helper()
	if _, err := term.master.WriteString(keys); err != nil {
		term.t.Fatalf("typing %q: %v", keys, err)
	}
}

// HangUp closes the terminal as closing its window does.
func (term *Terminal) HangUp() { term.master.Close() }

// Expect waits until something that matches the pattern is written after what
// earlier calls matched, and returns the match with its groups.
func (term *Terminal) Expect(pattern string) []string {
	term.t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	term.Until(fmt.Sprintf("%q on the screen", pattern), func() bool {
		term.mu.Lock()
		defer term.mu.Unlock()
		at := re.FindSubmatchIndex(term.output[term.seen:])
		if at == nil {
			return false
		}
		for i := 0; i < len(at); i += 2 {
			group := ""
			if at[i] >= 0 {
				group = string(term.output[term.seen+at[i] : term.seen+at[i+1]])
			}
			found = append(found, group)
		}
		term.seen += at[1]
		return true
	})
	return found
}

// Until waits for a condition. Between two looks it leaves the processor to those
// that it waits for, of whom there are many where tests run side by side: a look at
// all processes takes milliseconds.
func (term *Terminal) Until(what string, holds func() bool) {
	term.t.Helper()
	for start, end := time.Now(), time.Now().Add(Limit); !holds(); start = time.Now() {
		time.Sleep(min(max(2*time.Millisecond, 9*time.Since(start)), 50*time.Millisecond))
		if start.After(end) {
			term.t.Fatalf("waited %v for %s\nforeground %d, echoes %v, processes:\n%s",
				Limit, what, term.Foreground(), term.Echoes(), List(term.Processes()))
		}
	}
}

// Foreground is the terminal's foreground process group, 0 if there is none.
func (term *Terminal) Foreground() int {
	var pgid int
	term.control(func(fd int) (err error) {
		pgid, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		return err
	})
	return pgid
}

// Echoes reports whether the terminal shows what is typed, reads lines, and
// turns Ctrl-C into a signal: whether it is as a shell hands it to a program.
func (term *Terminal) Echoes() bool {
	const want = unix.ECHO | unix.ICANON | unix.ISIG
	echoes := false
	term.control(func(fd int) error {
		termios, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		echoes = err == nil && termios.Lflag&want == want
		return err
	})
	return echoes
}

// control runs f on the terminal's descriptor. File.Fd would make it blocking,
// and then HangUp could not close it while it is read.
func (term *Terminal) control(f func(fd int) error) error {
	conn, err := term.master.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	if err := conn.Control(func(fd uintptr) { ferr = f(int(fd)) }); err != nil {
		return err
	}
	return ferr
}

// Process is what /proc says about a process.
type Process struct {
	Pid, Parent, Group, Session int
	State                       byte // R, S, D, T (stopped), Z
	Command                     string
}

// String tells too which signals the process has pending, blocks, ignores and
// catches, as masks.
func (p Process) String() string {
	masks := ""
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(p.Pid) + "/status")
	for line := range strings.Lines(string(status)) {
		if name, mask, _ := strings.Cut(strings.TrimSpace(line), ":\t"); slices.Contains([]string{"ShdPnd", "SigBlk", "SigIgn", "SigCgt"}, name) {
			masks += " " + name + " " + strings.TrimLeft(mask, "0")
		}
	}
	return fmt.Sprintf("%d (parent %d, group %d, session %d%s) %c %s", p.Pid, p.Parent, p.Group, p.Session, masks, p.State, p.Command)
}

// List shows processes one a line.
func List(processes []Process) string {
	var b strings.Builder
	for _, p := range processes {
		fmt.Fprintln(&b, p)
	}
	return b.String()
}

// Processes returns every process that was started in this terminal and is no
// zombie, in other sessions too, found by a variable in its environment.
func (term *Terminal) Processes() []Process {
	entries, _ := os.ReadDir("/proc")
	want := []byte(marker + "=" + term.id + "\x00")
	environ := make([]byte, 1<<14)
	var found []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if environ = read("/proc/"+entry.Name()+"/environ", environ); !bytes.Contains(environ, want) {
			continue
		}
		if p, alive := Look(pid); alive && p.State != 'Z' {
			found = append(found, p)
		}
	}
	return found
}

// read returns what is in a file of /proc, "" if that can't be read, in the room
// of buf where it has enough. Package os takes twice as many system calls, and the
// tests look at all processes again and again.
func read(name string, buf []byte) []byte {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return buf[:0]
	}
	defer unix.Close(fd)
	for buf = buf[:0]; ; {
		buf = slices.Grow(buf, 1<<12)
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case err == unix.EINTR:
		case err != nil || n == 0:
			return buf
		default:
			buf = buf[:len(buf)+n]
		}
	}
}

// Find returns those of Processes whose command line matches the pattern.
func (term *Terminal) Find(pattern string) []Process { return Matching(term.Processes(), pattern) }

// Matching returns those processes whose command line matches the pattern.
func Matching(processes []Process, pattern string) []Process {
	re := regexp.MustCompile(pattern)
	var found []Process
	for _, p := range processes {
		if re.MatchString(p.Command) {
			found = append(found, p)
		}
	}
	return found
}

// One waits until exactly one process matches the pattern, and returns it.
func (term *Terminal) One(pattern string) Process {
	term.t.Helper()
	var found []Process
	term.Until("one process "+pattern, func() bool {
		found = term.Find(pattern)
		return len(found) == 1
	})
	return found[0]
}

// Gone waits until no process matches the pattern.
func (term *Terminal) Gone(pattern string) {
	term.t.Helper()
	term.Until("no process "+pattern, func() bool { return len(term.Find(pattern)) == 0 })
}

// Look returns what is known about a process, and false if there is none.
func Look(pid int) (Process, bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	line, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Process{}, false
	}
	fields := strings.Fields(string(line[bytes.LastIndexByte(line, ')')+1:]))
	if len(fields) < 4 {
		return Process{}, false
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n }
	command, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
	return Process{
		Pid: pid, State: fields[0][0],
		Parent: number(fields[1]), Group: number(fields[2]), Session: number(fields[3]),
		Command: strings.TrimSuffix(string(bytes.ReplaceAll(command, []byte{0}, []byte{' '})), " "),
	}, true
}

// Signal sends a signal to a process of the terminal.
func (term *Terminal) Signal(p Process, sig syscall.Signal) {
	term.t.Helper()
	if err := unix.Kill(p.Pid, sig); err != nil {
		term.t.Fatalf("kill -%v %v: %v", sig, p, err)
	}
}
