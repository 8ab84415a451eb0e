//go:build linux

package signals

import (
	"os"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

func TestMayHold(t *testing.T) {
	master, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	// Held open to the end: without its other side a terminal has only errors.
	defer master.Close()
	defer terminal.Close()
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer pipe.Close()
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	socket := os.NewFile(uintptr(pair[0]), "socket")
	defer socket.Close()
	defer unix.Close(pair[1])
	keeper := []string{"/bin/true"}
	tests := []struct {
		name           string
		keeper         []string
		output, errors *os.File
		none, tostop   bool
		ignored        syscall.Signal
		want           bool
	}{
		{name: "both in a pipe", keeper: keeper, output: pipe, errors: pipe, want: true},
		{name: "only output", keeper: keeper, output: pipe, errors: terminal, want: true},
		{name: "only errors", keeper: keeper, output: terminal, errors: pipe, want: true},
		{name: "a shell whose pipes are sockets", keeper: keeper, output: socket, errors: terminal, want: true},
		{name: "no keeper", output: pipe, errors: pipe},
		{name: "both on the terminal", keeper: keeper, output: terminal, errors: terminal},
		{name: "both in a file", keeper: keeper, output: file, errors: file},
		{name: "closed", keeper: keeper},
		{name: "no terminal", keeper: keeper, output: pipe, errors: pipe, none: true},
		{name: "tostop", keeper: keeper, output: pipe, errors: pipe, tostop: true},
		{name: "background of a script", keeper: keeper, output: pipe, errors: pipe, ignored: unix.SIGINT},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := New(DefaultGrace)
			defer c.Finish()
			c.opts = Options{Keeper: test.keeper, Output: test.output, Errors: test.errors}
			c.ignored = map[syscall.Signal]bool{test.ignored: true}
			if !test.none {
				// A copy, as Finish closes it.
				fd, err := unix.FcntlInt(terminal.Fd(), unix.F_DUPFD_CLOEXEC, 0)
				if err != nil {
					t.Fatal(err)
				}
				c.tty = &tty{file: os.NewFile(uintptr(fd), terminal.Name())}
				termios, err := unix.IoctlGetTermios(fd, getTermios)
				if err != nil {
					t.Fatal(err)
				}
				termios.Lflag &^= unix.TOSTOP
				if test.tostop {
					termios.Lflag |= unix.TOSTOP
				}
				if err := unix.IoctlSetTermios(fd, unix.TCSETS, termios); err != nil {
					t.Fatal(err)
				}
			}
			if got := c.mayHold(); got != test.want {
				t.Errorf("may hold the terminal: %v; want %v", got, test.want)
			}
		})
	}
}
