package harness

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"golang.org/x/sys/unix"

	"pgtest/harness/gotest"
	"pgtest/harness/steady"
	"pgtest/jsonstream/live"
	"pgtest/signals"
)

// Live says what live lines show. The terminal is Stream.Stdout, or if that is a
// file, Stream.Stderr.
type Live struct {
	// Tests is how many tests that run have a line; 0 is a line for the run
	// alone.
	Tests int
	Color bool
	// Estimates returns how long packages took before, by import path. It may be
	// nil, and is called once, on another goroutine, in a run that is not short.
	Estimates func() map[string]time.Duration
	// AtOnce is how many packages run at once.
	AtOnce int
	// Progress has the terminal show how far the run is, outside its text.
	Progress bool
}

// liveLines are the live lines of an invocation. A nil value has none.
type liveLines struct {
	*live.Display
	Live
	outlet   *outlet // of the terminal
	onErrors bool    // the terminal is standard error
	from     time.Time
	next     time.Time // no repaint before it
	shown    bool
	lister   *lister // nil before it starts, and when it has ended
	listing
}

// newLiveLines returns nil if live lines were not asked for, there is no terminal
// for them, or the events come from input, which has no clock to show.
func newLiveLines(cfg Config) *liveLines {
	if cfg.Live == nil || cfg.Input != nil {
		return nil
	}
	out, _ := cfg.Stream.Stdout.(*os.File)
	onErrors := out != nil && isFile(out)
	if onErrors {
		out, _ = cfg.Stream.Stderr.(*os.File)
	}
	if out == nil || !isatty.IsTerminal(out.Fd()) {
		return nil
	}
	return &liveLines{Display: live.New(out, steady.Writer(out)), Live: *cfg.Live, onErrors: onErrors}
}

// writeBy says which outlets there are. The terminal's writes the lines, so that
// another one does not wait for a terminal that takes nothing.
func (l *liveLines) writeBy(stdout, stderr *outlet) {
	switch {
	case l == nil:
	case l.onErrors:
		l.outlet = stderr
	default:
		l.outlet = stdout
	}
}

// isFile reports whether nobody reads f while it is written, so that what goes
// there is not on the terminal by another way.
func isFile(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return info.Mode().IsRegular() || err == nil && os.SameFile(info, null)
}

// around returns a writer to w, which makes room for what is written if w is the
// terminal of the live lines.
func (i *invocation) around(w io.Writer) io.Writer {
	f, ok := w.(*os.File)
	if i.live == nil || !ok || !isatty.IsTerminal(f.Fd()) || !i.live.SameTerminal(f) {
		return steady.Writer(w)
	}
	return i.live.Display
}

const (
	// liveDelay keeps short runs from having live lines.
	liveDelay = 500 * time.Millisecond
	// livePeriod is a little longer than the display's, which takes nothing
	// sooner.
	livePeriod = live.Period + 5*time.Millisecond
	// liveShare is the part of the time that live lines may cost.
	liveShare = 100
)

// startLive returns a channel that says when to renew the live lines, and a
// function that ends it. Without them the channel is nil.
func (i *invocation) startLive() (<-chan time.Time, func()) {
	if i.live == nil {
		return nil, func() {}
	}
	if i.live.from.IsZero() {
		i.live.from = time.Now()
	}
	ticker := time.NewTicker(livePeriod)
	return ticker.C, func() {
		ticker.Stop()
		i.serveDuring(func() { i.live.outlet.do(i.live.Hide) })
	}
}

// renewLive shows what is running now, unless the job is in the background. It
// does not wait for a terminal that is stopped (Ctrl-S).
func (i *invocation) renewLive() {
	l, now := i.live, time.Now()
	if now.Sub(l.from) < liveDelay {
		return
	}
	if !i.inForeground() {
		l.outlet.tryDo(l.Hide)
		return
	}
	if now.Before(l.next) {
		l.outlet.tryDo(l.Refresh)
		return
	}
	if !l.shown {
		l.shown = true
		l.lister = i.startLister()
		clear := live.EraseAfterCrash
		if l.Progress {
			clear += live.ClearProgress
		}
		os.WriteFile(filepath.Join(i.listener.Dir(), signals.ClearFile), []byte(clear), 0o600)
	}
	if found, ended := l.lister.ended(); ended {
		l.listing, l.lister = found, nil
	}
	state := i.liveState(now)
	style := live.Style{Tests: l.Tests, Color: l.Color}
	lay := func(width, height int) []string { return state.Lines(style, width, height) }
	var progress live.Progress
	if l.Progress {
		progress = state.Shown()
	}
	l.outlet.tryDo(func() { l.Show(lay, progress) })
	// A busy machine makes this look expensive.
	l.next = time.Now().Add(min(liveShare*time.Since(now), time.Second))
}

// liveState says how far the run is.
func (i *invocation) liveState(now time.Time) live.State {
	s := live.State{
		Progress:  i.stream.Progress(),
		Rerun:     len(i.rounds),
		Running:   i.plan.running(i.stream.Running()),
		Idle:      "building",
		Elapsed:   now.Sub(i.live.from),
		SlowAfter: i.cfg.SlowAfter,
		Ending:    i.signals.Ending(),
		Now:       now,
	}
	if !i.plan.source.runsGo() {
		s.Idle = "waiting"
	}
	if s.Rerun > 0 {
		s.Total = len(i.plan.selections)
		return s
	}
	s.Total = len(i.live.pkgs)
	s.Left = i.live.left(s, i.stream.Ended)
	return s
}

// left returns how long the packages of the list still take, that have not ended.
// It is 0 if less than half of them are known from before.
func (l *liveLines) left(s live.State, ended func(pkg string) bool) time.Duration {
	started := make(map[string]time.Time)
	for _, r := range s.Running {
		if r.Test == "" && r.Waiting == "" {
			started[r.Package] = r.Started
		}
	}
	var sum, known, longest time.Duration
	count, unknown := 0, 0
	for _, pkg := range l.pkgs {
		if ended(pkg) {
			continue
		}
		takes, ok := l.takes[pkg]
		if !ok {
			unknown++
			continue
		}
		count++
		known += takes
		if at, runs := started[pkg]; runs {
			takes = max(takes-s.Now.Sub(at), 0)
		}
		sum += takes
		longest = max(longest, takes)
	}
	if count == 0 || unknown > count {
		return 0
	}
	sum += known / time.Duration(count) * time.Duration(unknown)
	return max(sum/time.Duration(max(l.AtOnce, 1)), longest)
}

// inForeground reports whether this job has the live lines' terminal, directly
// or through the keeper.
func (i *invocation) inForeground() bool {
	pgid, err := i.live.Foreground()
	return err == nil && (pgid == unix.Getpgrp() || pgid == i.signals.KeeperPID())
}

// hideLive removes the live lines before the job stops, unless the terminal
// takes nothing: a shell is about to write its prompt.
func (i *invocation) hideLive() {
	if i.live == nil {
		return
	}
	hidden := make(chan struct{})
	if !i.live.outlet.tryDo(func() { i.live.Hide(); close(hidden) }) {
		return
	}
	select {
	case <-hidden:
	case <-time.After(hidePatience):
	}
}

const hidePatience = 200 * time.Millisecond

// endLive ends what was started for the live lines.
func (i *invocation) endLive() {
	if i.live != nil && i.live.lister != nil {
		i.live.lister.cancel()
		<-i.live.lister.done
		i.live.lister = nil
	}
}

// A lister runs go list beside the build, at a low priority. A nil lister
// never ends.
type lister struct {
	cancel context.CancelFunc
	pid    int
	done   chan listing // what it found; closed
}

// A listing is what is known of the packages of the first round.
type listing struct {
	pkgs  []string
	takes map[string]time.Duration // how long they took before
}

// startLister returns nil if there is nothing to list. The go command is a member
// of the job: Ctrl-C and Ctrl-Z reach it as well.
func (i *invocation) startLister() *lister {
	line := gotest.Parse(i.cfg.Args)
	if i.cfg.Archive != nil {
		return i.archiveLister(line)
	}
	path, err := exec.LookPath("go")
	if err != nil || !i.plan.source.runsGo() {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	args := slices.Concat([]string{"list", "-e", "-find", "-f=" + listedPackage}, line.FileFlags(), []string{"--"}, line.Packages())
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = i.cfg.Dir, i.environ(), time.Second
	var out strings.Builder
	cmd.Stdout = &out
	if cmd.Start() != nil {
		cancel()
		return nil
	}
	unix.Setpriority(unix.PRIO_PROCESS, cmd.Process.Pid, lowPriority)
	l := &lister{cancel: cancel, pid: cmd.Process.Pid, done: make(chan listing, 1)}
	estimates := i.live.Estimates
	go func() {
		defer close(l.done)
		if cmd.Wait() != nil {
			return
		}
		found := listing{pkgs: strings.Fields(out.String())}
		if estimates != nil {
			found.takes = estimates()
		}
		l.done <- found
	}()
	return l
}

// archiveLister has found what an archive has.
func (i *invocation) archiveLister(line gotest.Line) *lister {
	l := &lister{cancel: func() {}, done: make(chan listing, 1)}
	defer close(l.done)
	var found listing
	packages, _ := i.cfg.Archive.Select(line.Packages())
	for _, p := range packages {
		found.pkgs = append(found.pkgs, p.ImportPath)
	}
	if i.live.Estimates != nil {
		found.takes = i.live.Estimates()
	}
	l.done <- found
	return l
}

// lowPriority is that of nice(1). With the lowest it would wait until a busy run is
// nearly over.
const lowPriority = 10

// listedPackage is the template of a package that go test tells of. It says
// nothing of a directory without Go files for this system.
const listedPackage = `{{if or .GoFiles .CgoFiles .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}`

// ended returns what was found, once.
func (l *lister) ended() (found listing, ended bool) {
	if l == nil {
		return found, false
	}
	select {
	case found = <-l.done:
		l.cancel()
		return found, true
	default:
		return found, false
	}
}

// childPID is the id of the process that lists, 0 for none.
func (l *liveLines) childPID() int {
	if l == nil || l.lister == nil {
		return 0
	}
	return l.lister.pid
}
