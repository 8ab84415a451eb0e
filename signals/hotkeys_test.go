//go:build linux

package signals

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// hot is a hotkeys on a terminal, and what is typed there. Nobody asks whose the
// terminal is.
type hot struct {
	*hotkeys
	t      *testing.T
	master *os.File
	keys   chan byte
	usual  unix.Termios
}

func openHot(t *testing.T) *hot {
	t.Helper()
	master, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close(); terminal.Close() })
	keys := make(chan byte, 1)
	h := &hot{t: t, master: master, keys: keys, hotkeys: &hotkeys{
		tty: &tty{file: terminal}, known: "tf?\n", note: filepath.Join(t.TempDir(), modesFile), out: keys, again: func() {},
	}}
	modes, err := h.tty.modes()
	if err != nil {
		t.Fatal(err)
	}
	h.usual = *modes
	return h
}

// press types something and waits until it is there.
func (h *hot) press(text string) {
	h.t.Helper()
	before, _ := h.waiting()
	h.master.WriteString(text)
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if n, err := h.waiting(); err != nil || n >= before+len(text) {
			return
		}
		if time.Now().After(end) {
			h.t.Fatal("what was typed does not arrive")
		}
	}
}

func (h *hot) check(state hotState, changed bool, there int) {
	h.t.Helper()
	modes, err := h.tty.modes()
	if err != nil {
		h.t.Fatal(err)
	}
	if h.state != state {
		h.t.Errorf("state %d, want %d", h.state, state)
	}
	if got := *modes != h.usual; got != changed {
		h.t.Errorf("the modes are changed: %v", got)
	}
	if n, _ := h.waiting(); n != there {
		h.t.Errorf("%d bytes stay, want %d", n, there)
	}
}

// read returns what the next reader of the terminal gets.
func (h *hot) read(want string) {
	h.t.Helper()
	text := make([]byte, 100)
	n, err := h.tty.file.Read(text)
	if string(text[:n]) != want {
		h.t.Errorf("the next program reads %q, %v; want %q", text[:n], err, want)
	}
}

// A key that stays alone is taken, and not before that is certain.
func TestHotkey(t *testing.T) {
	h := openHot(t)
	h.enter()
	h.check(reading, true, 0)
	for _, key := range []string{"t", "\r", "?"} {
		h.press(key)
		h.typed()
		h.check(reading, true, 1)
		h.since = h.since.Add(-loneTime)
		h.take()
		h.check(reading, true, 0)
		if key == "\r" {
			key = "\n"
		}
		if got := <-h.keys; string(got) != key {
			t.Errorf("key %q, want %q", got, key)
		}
	}
	h.leave()
	h.check(reading, false, 0)
}

// More than a key stays where it is: typed at once, while the first byte waits, or
// before the keys were read.
func TestTypedAhead(t *testing.T) {
	t.Run("at once", func(t *testing.T) {
		h := openHot(t)
		h.enter()
		h.press("git status\r")
		h.typed()
		h.check(over, false, len("git status\n"))
		h.read("git status\n")
	})
	t.Run("letter by letter", func(t *testing.T) {
		h := openHot(t)
		h.enter()
		h.press("t")
		h.typed()
		h.press("ail\r")
		h.take()
		h.check(over, false, len("tail\n"))
		h.read("tail\n")
	})
	t.Run("before", func(t *testing.T) {
		h := openHot(t)
		h.press("ls\r")
		h.enter()
		h.check(over, false, len("ls\n"))
		h.read("ls\n")
	})
	t.Run("a letter that is no key", func(t *testing.T) {
		h := openHot(t)
		h.enter()
		h.press("x")
		h.typed()
		h.take()
		if h.state == over { // the system takes it back
			h.press("y\r")
			h.read("xy\n")
			return
		}
		if got := <-h.keys; got != 'x' {
			t.Errorf("key %q", got)
		}
		h.check(away, false, 0)
	})
}

// Modes that somebody else has set stay, and nothing is read with them.
func TestOthersModes(t *testing.T) {
	for _, flag := range []uint32{unix.ECHO, unix.ICANON} {
		h := openHot(t)
		h.usual.Lflag &^= flag
		if err := h.tty.setModes(&h.usual); err != nil {
			t.Fatal(err)
		}
		h.enter()
		h.check(away, false, 0)

		h = openHot(t)
		h.enter()
		h.press("t")
		h.typed()
		h.usual.Lflag &^= flag
		if err := h.tty.setModes(&h.usual); err != nil {
			t.Fatal(err)
		}
		h.take()
		h.check(away, false, 1)

		h = openHot(t)
		h.enter()
		h.usual.Lflag &^= flag
		if err := h.tty.setModes(&h.usual); err != nil {
			t.Fatal(err)
		}
		h.leave()
		h.check(reading, false, 0)
	}
	h := openHot(t)
	h.note = "/no/such/directory" // so that nothing could be put back after a crash
	h.enter()
	h.check(over, false, 0)
}
