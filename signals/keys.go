//go:build unix

package signals

import (
	"os"

	"golang.org/x/sys/unix"
)

// A keyboard reads keys one by one, without an echo, from a terminal whose
// foreground group this process leads. It serves one goroutine.
type keyboard struct {
	tty   *tty
	onKey func(byte) // called on a goroutine of the keyboard's own

	before *unix.Termios // the modes to put back; nil while the keyboard is off
	quit   *os.File      // closed to end the goroutine
	ended  chan struct{}
}

// on starts to read. It does nothing if the terminal has hung up.
func (k *keyboard) on() {
	before, err := k.tty.modes()
	if err != nil || k.before != nil {
		return
	}
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	raw := *before
	raw.Lflag &^= unix.ECHO | unix.ICANON
	// A read never waits: what select announced may be gone again, and the
	// goroutine has to end before the terminal changes hands.
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 0, 0
	if k.tty.setModes(&raw) != nil {
		r.Close()
		w.Close()
		return
	}
	k.before, k.quit, k.ended = before, w, make(chan struct{})
	go k.read(r)
}

// read uses select: poll knows no terminals on macOS.
func (k *keyboard) read(quit *os.File) {
	defer close(k.ended)
	defer quit.Close()
	terminal, over := int(k.tty.file.Fd()), int(quit.Fd())
	for typed := make([]byte, 256); ; {
		var ready unix.FdSet
		ready.Set(terminal)
		ready.Set(over)
		if _, err := unix.Select(max(terminal, over)+1, &ready, nil, nil, nil); err == unix.EINTR {
			continue
		} else if err != nil || ready.IsSet(over) {
			return
		}
		n, err := unix.Read(terminal, typed)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 && k.tty.hungUp() {
			return
		}
		for _, key := range typed[:n] {
			k.onKey(key)
		}
	}
}

// off stops reading and, with restore, puts the modes back.
func (k *keyboard) off(restore bool) {
	if k.before == nil {
		return
	}
	k.quit.Close()
	<-k.ended
	if restore {
		k.tty.setModes(k.before)
	}
	k.before = nil
}
