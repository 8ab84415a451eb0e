// Package live draws lines on a terminal while tests run: how far the run is, and
// what is running. They are no part of the output: whatever is written to the
// terminal takes their place, and moves them down.
package live

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Period is the shortest time between two repaints.
const Period = 100 * time.Millisecond

// A Display is the live lines of a terminal. Its methods may be called from any
// goroutine, and may wait for the terminal.
//
// The cursor stays at the start of the first line. So a terminal that gets
// narrower and wraps the lines, and one that shows ^C where the cursor is, move
// nothing: everything from the cursor on is the Display's.
type Display struct {
	tty  *os.File
	w    io.Writer // writes to tty
	size func() (width, height int)
	now  func() time.Time

	mu       sync.Mutex
	lay      func(width, height int) []string // nil: nothing is shown
	progress Progress
	sent     Progress
	lines    []string // that are drawn
	held     []byte   // output that waits for the next repaint
	last     time.Time
	open     bool // the output does not end a line, and has to be continued
	err      error
}

// New returns a Display of the terminal tty, which is written to by w.
func New(tty *os.File, w io.Writer) *Display {
	d := &Display{tty: tty, w: w, now: time.Now}
	d.size = func() (int, int) {
		width, height, err := term.GetSize(int(tty.Fd()))
		if err != nil {
			return 0, 0
		}
		return width, height
	}
	return d
}

// Write writes output to the terminal. While there are live lines it keeps the
// output until it may repaint them.
func (d *Display) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = append(d.held, p...)
	switch {
	case d.lay == nil, len(d.held) >= heldMax:
		d.paint(nil)
	case d.now().Sub(d.last) >= Period:
		d.repaint()
	}
	if d.err != nil {
		return 0, d.err
	}
	return len(p), nil
}

// heldMax is how much output waits for a repaint.
const heldMax = 32 << 10

// Show replaces the lines by those that lay returns for the size of the terminal,
// and shows what the terminal knows of the progress. It does nothing if the
// latest repaint was less than Period ago.
func (d *Display) Show(lay func(width, height int) []string, progress Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lay, d.progress = lay, progress
	if d.now().Sub(d.last) >= Period {
		d.repaint()
	}
}

// Refresh repaints what Show has shown, if output waits for that.
func (d *Display) Refresh() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lay != nil && (len(d.held) > 0 || len(d.lines) == 0) && d.now().Sub(d.last) >= Period {
		d.repaint()
	}
}

// Hide removes the lines.
func (d *Display) Hide() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lay, d.progress = nil, Progress{}
	d.paint(nil)
}

// SameTerminal reports whether f is the Display's terminal, too. Of /dev/tty
// nobody knows, and it most likely is.
func (d *Display) SameTerminal(f *os.File) bool {
	var x, y unix.Stat_t
	if unix.Fstat(int(d.tty.Fd()), &x) != nil || unix.Fstat(int(f.Fd()), &y) != nil {
		return false
	}
	return x.Rdev == y.Rdev || isControlling(d.tty) || isControlling(f)
}

func isControlling(f *os.File) bool {
	var tty, st unix.Stat_t
	return unix.Stat("/dev/tty", &tty) == nil && unix.Fstat(int(f.Fd()), &st) == nil && tty.Rdev == st.Rdev
}

// Foreground returns the terminal's foreground process group.
func (d *Display) Foreground() (pgid int, err error) {
	return unix.IoctlGetInt(int(d.tty.Fd()), unix.TIOCGPGRP)
}

// repaint draws the lines for the present size.
func (d *Display) repaint() { d.paint(d.lay(d.size())) }

// EraseAfterCrash removes the lines of a process that was killed, unless somebody
// has written to the terminal since: what stands before the cursor stays, as it
// may be a shell's prompt.
const EraseAfterCrash = "\x1b[J"

const (
	eraseBelow = "\r" + EraseAfterCrash // the cursor's line and all below it
	eraseRest  = "\x1b[K"               // of a line
	// A name may be wider than anybody thinks: what does not fit is lost.
	wrapOff, wrapOn = "\x1b[?7l", "\x1b[?7h"
)

// paint writes what is held, and lines below it, in one write.
func (d *Display) paint(lines []string) {
	var b strings.Builder
	if len(d.held) > 0 {
		if len(d.lines) > 0 {
			b.WriteString(eraseBelow)
			d.lines = nil
		}
		b.Write(d.held)
		d.open = d.held[len(d.held)-1] != '\n'
		d.held = d.held[:0]
	}
	if d.open {
		lines = nil
	}
	switch {
	case slices.Equal(lines, d.lines):
	case len(lines) == 0:
		b.WriteString(eraseBelow)
	default:
		b.WriteString("\r" + wrapOff + strings.Join(lines, eraseRest+"\r\n") + "\x1b[J\r" + wrapOn)
		if up := len(lines) - 1; up > 0 {
			fmt.Fprintf(&b, "\x1b[%dA", up)
		}
	}
	d.lines = lines
	if d.progress != d.sent {
		b.WriteString(d.progress.sequence())
		d.sent = d.progress
	}
	if b.Len() == 0 {
		return
	}
	d.last = d.now()
	if _, err := io.WriteString(d.w, b.String()); err != nil && d.err == nil {
		d.err = err
	}
}
