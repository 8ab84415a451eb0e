//go:build unix

package signals

import (
	"os"

	"golang.org/x/sys/unix"
)

// tty is the controlling terminal of this process, held open so that it can be
// asked about even when no standard stream is a terminal.
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

// setForeground makes pgid the foreground group. Called from a background group
// it gets SIGTTOU to the whole group, unless the calling thread has it blocked.
func (t *tty) setForeground(pgid int) error {
	return unix.IoctlSetPointerInt(int(t.file.Fd()), unix.TIOCSPGRP, pgid)
}

// ours reports whether the own process group is in the foreground.
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

// stopsWriters reports whether the terminal stops background processes that
// write to it (stty tostop).
func (t *tty) stopsWriters() bool {
	termios, err := unix.IoctlGetTermios(int(t.file.Fd()), getTermios)
	return err != nil || termios.Lflag&unix.TOSTOP != 0
}

// ReclaimForeground makes the own process group the foreground group of the
// controlling terminal, if the foreground group has no member any more: a
// program with the terminal has given it to another group and has ended. A
// group that lives, such as that of a shell, keeps it.
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
