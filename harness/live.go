package harness

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
	"gotest.tools/gotestsum/testjson"

	"pgtest/harness/plural"
	"pgtest/harness/steady"
	"pgtest/jsonstream/result"
)

// A liveLine is the last line of a terminal while tests run. It says what is
// running and is no part of the output: whatever is written to the terminal
// takes its place, and moves it down.
type liveLine struct {
	tty *os.File

	mu    sync.Mutex
	text  string // "" for none
	drawn bool
	open  bool // the output before it does not end a line, and has to be continued
}

// newLiveLine returns nil where there can be no live line: it was not asked for,
// or Stdout is no terminal. Events from input have no clock to show.
func newLiveLine(cfg Config) *liveLine {
	out, ok := cfg.Stream.Stdout.(*os.File)
	if !cfg.Progress || cfg.Input != nil || !ok || !isatty.IsTerminal(out.Fd()) {
		return nil
	}
	return &liveLine{tty: out}
}

// around returns a writer that writes to w, and makes room for it first if w is
// a terminal.
func (l *liveLine) around(w io.Writer) io.Writer {
	f, ok := w.(*os.File)
	if l == nil || !ok || !isatty.IsTerminal(f.Fd()) {
		return w
	}
	return &liveWriter{l, steady.Writer(f)}
}

type liveWriter struct {
	line *liveLine
	to   io.Writer
}

func (w *liveWriter) Write(p []byte) (int, error) {
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

// set changes the text; "" removes the line. It may wait for the terminal.
func (l *liveLine) set(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = text
	if text == "" {
		l.erase()
	}
	l.draw()
}

const echoColumns = 5

const eraseLine = "\r\x1b[K"

func (l *liveLine) erase() {
	if l.drawn {
		l.write(eraseLine)
		l.drawn = false
	}
}

// draw shows the text. The last columns stay free, for what a terminal echoes
// behind it (^C, ^Z): a line that wraps would not be removed whole.
func (l *liveLine) draw() {
	if l.text == "" || l.open {
		return
	}
	width, _, err := term.GetSize(int(l.tty.Fd()))
	if err != nil || width <= echoColumns {
		return
	}
	l.write(eraseLine + clip(l.text, width-echoColumns))
	l.drawn = true
}

func (l *liveLine) write(text string) { io.WriteString(steady.Writer(l.tty), text) }

// clip shortens text to a number of columns. What is no ASCII may be wide, so it
// counts as two; what can't be printed could be meant for the terminal, and
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

// The live line comes after a while, so that short runs have none.
const (
	liveDelay  = 500 * time.Millisecond
	livePeriod = 250 * time.Millisecond
)

// startLive returns a channel that says when to renew the live line, and a
// function that ends it. Without one the channel is nil.
func (i *invocation) startLive() (<-chan time.Time, func()) {
	if i.live == nil {
		return nil, func() {}
	}
	i.liveFrom = time.Now()
	ticker := time.NewTicker(livePeriod)
	return ticker.C, func() {
		ticker.Stop()
		i.serveDuring(func() { i.stdout.do(func() { i.live.set("") }) })
	}
}

// renewLive shows what is running now. In the background the terminal is somebody
// else's. The terminal may be stopped (Ctrl-S): nobody waits for it here.
func (i *invocation) renewLive(now time.Time) {
	if now.Sub(i.liveFrom) < liveDelay {
		return
	}
	text := ""
	if i.inForeground() {
		text = liveText(i.stream.Progress(), i.plan.running(i.stream.Running()), now.Sub(i.liveFrom), now)
	}
	i.stdout.tryDo(func() { i.live.set(text) })
}

// inForeground says whether the terminal of the live line is this job's, or held
// for it by the keeper.
func (i *invocation) inForeground() bool {
	pgid, err := unix.IoctlGetInt(int(i.live.tty.Fd()), unix.TIOCGPGRP)
	return err == nil && (pgid == unix.Getpgrp() || pgid == i.signals.KeeperPID())
}

// hideLive removes the live line before the job stops, unless the terminal takes
// nothing: a shell is about to write its prompt.
func (i *invocation) hideLive() {
	if i.live == nil {
		return
	}
	hidden := make(chan struct{})
	if !i.stdout.tryDo(func() { i.live.set(""); close(hidden) }) {
		return
	}
	select {
	case <-hidden:
	case <-time.After(hidePatience):
	}
}

const hidePatience = 200 * time.Millisecond

// liveText is a line about a run that has gone on for elapsed.
func liveText(p result.Progress, running []result.Running, elapsed time.Duration, now time.Time) string {
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
	text := fmt.Sprintf("%v, %s done", elapsed.Truncate(time.Second), plural.Count(p.Ended, "package", "packages"))
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
