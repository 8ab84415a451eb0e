package harness

import (
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"golang.org/x/sys/unix"

	"pgtest/harness/steady"
	"pgtest/jsonstream/live"
)

// newLiveLine returns nil if no live line was asked for, Stdout is no terminal,
// or the events come from input, which has no clock to show.
func newLiveLine(cfg Config) *live.Line {
	out, ok := cfg.Stream.Stdout.(*os.File)
	if !cfg.Progress || cfg.Input != nil || !ok || !isatty.IsTerminal(out.Fd()) {
		return nil
	}
	return live.New(out, steady.Writer(out))
}

// around returns a writer to w. If w is a terminal, it removes the live line
// before each write.
func (i *invocation) around(w io.Writer) io.Writer {
	f, ok := w.(*os.File)
	if i.live == nil || !ok || !isatty.IsTerminal(f.Fd()) {
		return steady.Writer(w)
	}
	return i.live.Around(steady.Writer(f))
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
	if i.liveFrom.IsZero() {
		i.liveFrom = time.Now()
	}
	ticker := time.NewTicker(livePeriod)
	return ticker.C, func() {
		ticker.Stop()
		i.serveDuring(func() { i.stdout.do(func() { i.live.Set("") }) })
	}
}

// renewLive shows what is running now, unless the job is in the background. It
// does not wait for a terminal that is stopped (Ctrl-S).
func (i *invocation) renewLive(now time.Time) {
	if now.Sub(i.liveFrom) < liveDelay {
		return
	}
	text := ""
	if i.inForeground() {
		text = live.Text(i.stream.Progress(), i.plan.running(i.stream.Running()), now.Sub(i.liveFrom), now)
	}
	i.stdout.tryDo(func() { i.live.Set(text) })
}

// inForeground reports whether this job has the live line's terminal, directly
// or through the keeper.
func (i *invocation) inForeground() bool {
	pgid, err := i.live.Foreground()
	return err == nil && (pgid == unix.Getpgrp() || pgid == i.signals.KeeperPID())
}

// hideLive removes the live line before the job stops, unless the terminal
// takes nothing: a shell is about to write its prompt.
func (i *invocation) hideLive() {
	if i.live == nil {
		return
	}
	hidden := make(chan struct{})
	if !i.stdout.tryDo(func() { i.live.Set(""); close(hidden) }) {
		return
	}
	select {
	case <-hidden:
	case <-time.After(hidePatience):
	}
}

const hidePatience = 200 * time.Millisecond
