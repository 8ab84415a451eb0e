// Package live draws a last line on a terminal while tests run. It says what is
// running and is no part of the output: whatever is written to the terminal
// takes its place, and moves it down.
package live

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
	"gotest.tools/gotestsum/testjson"

	"pgtest/jsonstream/result"
)

// A Line is the last line of a terminal. Its methods may be called from any
// goroutine, and may wait for the terminal.
type Line struct {
	tty *os.File
	w   io.Writer // writes to tty

	mu    sync.Mutex
	text  string // "" for none
	drawn bool
	open  bool // the output before it does not end a line, and has to be continued
}

// New returns a line of the terminal tty, which is written to by w.
func New(tty *os.File, w io.Writer) *Line { return &Line{tty: tty, w: w} }

// Around returns a writer that writes to w, another way to the terminal, and
// makes room for it first.
func (l *Line) Around(w io.Writer) io.Writer { return &writer{l, w} }

type writer struct {
	line *Line
	to   io.Writer
}

func (w *writer) Write(p []byte) (int, error) {
	l := w.line
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	n, err := w.to.Write(p)
	if n > 0 {
		l.open = p[n-1] != '\n'
	}
	if err == nil {
		l.draw()
	}
	return n, err
}

// Set changes the text; "" removes the line.
func (l *Line) Set(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = text
	if text == "" {
		l.erase()
	}
	l.draw()
}

// Foreground returns the terminal's foreground process group.
func (l *Line) Foreground() (pgid int, err error) {
	return unix.IoctlGetInt(int(l.tty.Fd()), unix.TIOCGPGRP)
}

const echoColumns = 5

const eraseLine = "\r\x1b[K"

func (l *Line) erase() {
	if l.drawn {
		io.WriteString(l.w, eraseLine)
		l.drawn = false
	}
}

// draw shows the text. The last columns stay free, for what a terminal echoes
// behind it (^C, ^Z): a line that wraps would not be removed whole.
func (l *Line) draw() {
	if l.text == "" || l.open {
		return
	}
	width, _, err := term.GetSize(int(l.tty.Fd()))
	if err != nil || width <= echoColumns {
		return
	}
	io.WriteString(l.w, eraseLine+clip(l.text, width-echoColumns))
	l.drawn = true
}

// clip shortens text to a number of columns. What is no ASCII may be wide, so
// it counts as two; what can't be printed could be meant for the terminal, and
// becomes a question mark.
func clip(text string, columns int) string {
	var b strings.Builder
	for _, c := range text {
		size := 1
		switch {
		case c == utf8.RuneError || !unicode.IsPrint(c):
			c = '?'
		case c >= utf8.RuneSelf:
			size = 2
		}
		if columns < size {
			break
		}
		columns -= size
		b.WriteRune(c)
	}
	return b.String()
}

// Text is a line about a run that has gone on for elapsed.
func Text(p result.Progress, running []result.Running, elapsed time.Duration, now time.Time) string {
	var busy []string
	packages := 0
	for _, t := range running {
		if t.Test == "" {
			packages++
		}
		// A package or a test that others run in says less than they do.
		if t.Parent || t.Paused {
			continue
		}
		name := testjson.RelativePackagePath(t.Package)
		if t.Test != "" {
			name += " " + t.Test
		}
		busy = append(busy, fmt.Sprintf("%s %.1fs", name, max(now.Sub(t.Started), 0).Seconds()))
	}
	what := "packages"
	if p.Ended == 1 {
		what = "package"
	}
	text := fmt.Sprintf("%v, %d %s done", elapsed.Truncate(time.Second), p.Ended, what)
	if p.Failed > 0 {
		text += fmt.Sprintf(", %d failed", p.Failed)
	}
	if packages > 0 {
		text += fmt.Sprintf(", %d running", packages)
	}
	if len(busy) > 0 {
		text += ": " + strings.Join(busy, ", ")
	}
	return text
}
