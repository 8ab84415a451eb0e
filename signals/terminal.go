//go:build unix

package signals

import (
	"os"

	"golang.org/x/sys/unix"
)

// tty is the controlling terminal of this process, held open so that its state
// can be read even when no standard stream is a terminal.
type tty struct {
	file *os.File
	job  int // the process group of this process: fixed, a run never changes it
}

// openTTY returns nil if the process has no controlling terminal.
func openTTY() *tty {
	// unix.Open and not os.OpenFile: the poller would make it non-blocking, and
	// that is a property of the open terminal, which the keeper shares.
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return &tty{file: os.NewFile(uintptr(fd), "/dev/tty"), job: unix.Getpgrp()}
}

// foreground returns the terminal's foreground process group, or an error if
// the terminal has hung up.
func (t *tty) foreground() (int, error) {
	return unix.IoctlGetInt(int(t.file.Fd()), unix.TIOCGPGRP)
}

// setForeground makes pgid the foreground group. If this process is in a
// background group, its whole group gets SIGTTOU unless the calling thread
// blocks that.
func (t *tty) setForeground(pgid int) error {
	return unix.IoctlSetPointerInt(int(t.file.Fd()), unix.TIOCSPGRP, pgid)
}

// ours reports whether this process's group is in the foreground.
func (t *tty) ours() bool {
	if t == nil {
		return false
	}
	pgid, err := t.foreground()
	return err == nil && pgid == t.job
}

// hungUp reports whether there was a terminal and it has gone.
func (t *tty) hungUp() bool {
	if t == nil {
		return false
	}
	_, err := t.foreground()
	return err != nil
}

func (t *tty) modes() (*unix.Termios, error) {
	return unix.IoctlGetTermios(int(t.file.Fd()), getTermios)
}

// setModes needs the foreground as setForeground does.
func (t *tty) setModes(modes *unix.Termios) error {
	return unix.IoctlSetTermios(int(t.file.Fd()), setTermios, modes)
}

// stopsWriters reports whether the terminal stops background processes that
// write to it (stty tostop).
func (t *tty) stopsWriters() bool {
	termios, err := t.modes()
	return err != nil || termios.Lflag&unix.TOSTOP != 0
}

// ReclaimForeground makes this process's group the foreground group of the
// controlling terminal if the foreground group has no member any more: a
// program gave the terminal to another group, and that has ended. A foreground
// group that has members, such as a shell's, keeps the terminal.
func ReclaimForeground() {
	t := openTTY()
	if t == nil {
		return
	}
	defer t.file.Close()
	pgid, err := t.foreground()
	if err == nil && pgid > 1 && unix.Kill(-pgid, 0) == unix.ESRCH {
		withoutTTOU(func() error { return t.setForeground(t.job) })
	}
}

// isPipe reports whether a reader may be at the other end of f: some shells
// make their pipelines of sockets.
func isPipe(f *os.File) bool {
	if f == nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
}
