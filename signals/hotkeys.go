//go:build unix

package signals

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hotkeys reads single keys from a terminal on which the user may also type
// ahead, for the shell or for the next command of a script. Nobody can look at
// what was typed without taking it away, but everybody can see how much it is. So
// a key is one byte that stays alone for loneTime. More than that is text: the
// terminal's modes go back to what they were, the text stays where it is, and no
// key is read from then on.
type hotkeys struct {
	tty   *tty
	known string // the keys that mean something
	note  string // the file that says which modes to put back after a crash
	out   chan<- byte
	again func() // called after SIGTTOU was out of force

	wake   *os.File      // takes commands; its end ends the goroutine
	paused chan struct{} // answers pauseKeys
	ended  chan struct{}

	// Of the goroutine.
	state  hotState
	before *unix.Termios // the modes to put back; nil if they are not changed
	raw    *unix.Termios // those to read keys with
	since  time.Time     // when the one byte that is there was seen; zero for none
}

type hotState int

const (
	away    hotState = iota // the terminal is somebody else's, or has other modes
	reading                 // the modes are changed
	resting                 // the job is stopped
	over                    // text was typed ahead, or the terminal is gone
)

const (
	// loneTime is longer than the time between two letters of a word.
	loneTime = 200 * time.Millisecond
	// hotPeriod is how often to look who has the terminal.
	hotPeriod = 250 * time.Millisecond

	pauseKeys  = 'p'
	resumeKeys = 'r'
)

// ReadKeys has keys delivered to Keys while this job is in the foreground, until
// DropKeys. Options.Hotkeys must ask for it; a key that is not among known is
// delivered only if it can't be left to whoever reads the terminal next. dir is
// a directory of the run's, which [RestoreTerminal] gets after a crash.
func (c *Control) ReadKeys(known, dir string) {
	if !c.opts.Hotkeys || c.tty == nil || c.hot != nil || c.plan.terminal != none ||
		isPipe(c.opts.Output) || isPipe(c.opts.Errors) || c.ignored[unix.SIGINT] {
		return
	}
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	c.hot = &hotkeys{
		tty: c.tty, known: known, note: filepath.Join(dir, modesFile), out: c.keys, again: c.listen,
		wake: w, paused: make(chan struct{}), ended: make(chan struct{}),
	}
	// As for a keeper's keys: bash takes over the modes that a program leaves,
	// unless a signal killed it.
	debug.SetTraceback("crash")
	go c.hot.serve(r)
}

// DropKeys ends what ReadKeys began. What is typed from then on is shown.
func (c *Control) DropKeys() {
	if c.hot != nil {
		c.hot.wake.Close()
		<-c.hot.ended
		c.hot = nil
	}
}

// pause puts the modes back, before the job stops. h may be nil.
func (h *hotkeys) pause() {
	if h != nil {
		h.wake.Write([]byte{pauseKeys})
		select {
		case <-h.paused:
		case <-h.ended:
		}
	}
}

func (h *hotkeys) resume() {
	if h != nil {
		h.wake.Write([]byte{resumeKeys})
	}
}

func (h *hotkeys) serve(commands *os.File) {
	defer close(h.ended)
	defer commands.Close()
	defer h.leave()
	terminal, command := int(h.tty.file.Fd()), int(commands.Fd())
	for {
		h.look()
		var ready unix.FdSet
		ready.Set(command)
		patience := hotPeriod
		switch {
		case h.state == reading && h.since.IsZero():
			ready.Set(terminal)
		case h.state == reading:
			patience = max(loneTime-time.Since(h.since), 0)
		}
		limit := unix.NsecToTimeval(int64(patience))
		wait := &limit
		if h.state == resting || h.state == over {
			wait = nil
		}
		if _, err := unix.Select(max(terminal, command)+1, &ready, nil, nil, wait); err == unix.EINTR {
			continue
		} else if err != nil {
			return
		}
		if !ready.IsSet(command) {
			if h.state == reading && ready.IsSet(terminal) {
				h.typed()
			}
			continue
		}
		var order [1]byte
		if n, _ := unix.Read(command, order[:]); n == 0 {
			return
		}
		switch order[0] {
		case pauseKeys:
			h.leave()
			if h.state != over {
				h.state = resting
			}
			h.paused <- struct{}{}
		case resumeKeys:
			if h.state == resting {
				h.state = away
			}
		}
	}
}

// look does what time brings.
func (h *hotkeys) look() {
	switch {
	case h.state == away && h.tty.ours():
		h.enter()
	case h.state == reading && !h.tty.ours():
		h.before, h.state = nil, away // whoever has the terminal has set its modes
		if h.tty.hungUp() {
			h.state = over
		}
	case h.state == reading && !h.since.IsZero() && time.Since(h.since) >= loneTime:
		h.take()
	}
}

// enter changes the modes, if they are those of a shell's commands: somebody else
// in the job may be reading a password, or keys.
func (h *hotkeys) enter() {
	const usual = unix.ICANON | unix.ECHO
	before, err := h.tty.modes()
	if err != nil || before.Lflag&usual != usual {
		return
	}
	raw := *before
	raw.Lflag &^= usual
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 0, 0
	if os.WriteFile(h.note, (&savedModes{*before, raw}).bytes()[:], 0o600) != nil {
		h.state = over
		return
	}
	h.before, h.raw, h.since = before, &raw, time.Time{}
	if h.setModes(&raw) != nil {
		h.state = over
		return
	}
	h.state = reading
	if n, err := h.waiting(); err != nil || n > 0 {
		h.end() // typed before the keys meant anything
	}
}

// typed sees that there is something to read.
func (h *hotkeys) typed() {
	switch n, err := h.waiting(); {
	case err != nil || n != 1:
		h.end()
	default:
		h.since = time.Now()
	}
}

// take takes a byte that stayed alone.
func (h *hotkeys) take() {
	h.since = time.Time{}
	if n, err := h.waiting(); err != nil || n != 1 {
		h.end()
		return
	}
	if !h.changed() {
		h.before, h.state = nil, away
		return
	}
	var key [1]byte
	if n, err := unix.Read(int(h.tty.file.Fd()), key[:]); n != 1 || err != nil {
		return
	}
	if !strings.Contains(h.known, string(key[:])) {
		h.leave()
		if h.putBack(key[0]) {
			h.state = over
			return
		}
		h.state = away
	}
	select {
	case h.out <- key[0]:
	default: // nobody takes them
	}
}

// putBack makes a byte the next that is read from the terminal, which newer
// versions of Linux let nobody do without privileges.
func (h *hotkeys) putBack(key byte) bool {
	if n, err := h.waiting(); err != nil || n > 0 {
		return false // it would come behind what was typed since
	}
	return unix.IoctlSetPointerInt(int(h.tty.file.Fd()), unix.TIOCSTI, int(key)) == nil
}

// waiting is how many bytes can be read.
func (h *hotkeys) waiting() (int, error) {
	return unix.IoctlGetInt(int(h.tty.file.Fd()), inputQueue)
}

// changed reports whether the modes are those to read keys with.
func (h *hotkeys) changed() bool {
	now, err := h.tty.modes()
	return err == nil && *now == *h.raw
}

// end leaves the terminal for good.
func (h *hotkeys) end() {
	h.leave()
	h.state = over
}

// leave puts the modes back, unless somebody else has changed them since. What
// was typed stays.
func (h *hotkeys) leave() {
	if h.before != nil && h.changed() {
		h.setModes(h.before)
	}
	h.before, h.since = nil, time.Time{}
}

func (h *hotkeys) setModes(modes *unix.Termios) error {
	defer h.again()
	return withoutTTOU(func() error { return h.tty.setModes(modes) })
}

// savedModes say which modes a run has found, and what it made of them.
type savedModes struct{ before, changed unix.Termios }

// bytes are the memory of saved: the same program reads them.
func (saved *savedModes) bytes() *[unsafe.Sizeof(savedModes{})]byte {
	return (*[unsafe.Sizeof(savedModes{})]byte)(unsafe.Pointer(saved))
}

// The files of a run's directory that RestoreTerminal reads. ClearFile holds
// what to write to the terminal.
const (
	modesFile = "modes"
	ClearFile = "clear"
)

// RestoreTerminal is for a process in the session of a run that was killed. It
// puts the controlling terminal's modes back if they are as the run had changed
// them, and writes what the run has left in dir for that. dir may be missing.
func RestoreTerminal(dir string) {
	var saved savedModes
	note, _ := os.ReadFile(filepath.Join(dir, modesFile))
	known := copy(saved.bytes()[:], note) == len(saved.bytes())
	clear, _ := os.ReadFile(filepath.Join(dir, ClearFile))
	if !known && len(clear) == 0 {
		return
	}
	t := openTTY()
	if t == nil {
		return
	}
	defer t.file.Close()
	withoutTTOU(func() error {
		if now, err := t.modes(); known && err == nil && *now == saved.changed {
			t.setModes(&saved.before)
		}
		return nil
	})
	if !t.stopsWriters() {
		t.file.Write(clear)
	}
}
