package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness"
	"pgtest/harness/debugger"
	"pgtest/harness/gotest"
	"pgtest/harness/reach"
	"pgtest/harness/steady"
	"pgtest/harness/watch"
	"pgtest/jsonstream/result"
	"pgtest/signals"
)

// checkWatch says what --watch can't be together with.
func checkWatch(c *flags.CommandLine) error {
	if !c.Watch {
		return nil
	}
	return together("watch",
		clash{c.ReadsInput(), "-, which runs no tests"},
		clash{c.TTY == flags.TTYTests, "--tty=tests, since the terminal is for the keys"},
		clash{c.Settings.CompileOnly || c.Settings.DryRun, "-c and -n, which run no tests"},
	)
}

// watcher carries out what the plan of a watch decides. Between runs, the signals
// are its own; during one they are the run's, which is on another goroutine.
type watcher struct {
	line    *flags.CommandLine
	control *signals.Control
	out     io.Writer
	plan    *watch.Plan
	files   *watch.Watcher
	root    string
	vet     bool

	run     watch.Run           // the present or last one
	cancel  context.CancelFunc  // of the run
	ended   chan harness.Result // nil while no run goes on
	aside   *aside              // nil while there is none
	over    bool
	problem error
}

// An aside is a command that runs beside the watch while no tests run.
type aside struct {
	cancel context.CancelFunc
	done   chan func() []watch.Step // what the answer is for the plan
}

// watchTests runs tests whenever files are saved, until the user ends it, and
// returns the exit status.
func watchTests(c *flags.CommandLine, control *signals.Control) (int, error) {
	root, err := os.Getwd()
	if err != nil {
		return ownError(c.Gotestsum), err
	}
	line := *c
	if len(line.Line.Packages()) == 0 && !c.RawCommand {
		line.Line = line.Line.WithPackages("./...")
	}
	if c.Failed != flags.NotFailed || c.Changed != nil {
		if _, status, err := runChosen(context.Background(), &line, control); err != nil || control.Ending() {
			return status, err
		}
	}
	files, err := watch.New(c.WatchChdir)
	if err != nil {
		return ownError(c.Gotestsum), fmt.Errorf("--watch: %w", err)
	}
	defer files.Close()
	w := &watcher{
		line: &line, control: control, out: steady.Writer(os.Stdout), files: files, root: root,
		vet: line.Line.Value("vet") == "" && !strings.Contains(gotest.Env("GOFLAGS"), "-vet") && !c.RawCommand,
	}
	if c.Settings.JSON || c.Format == "standard-json" {
		w.out = steady.Writer(os.Stderr) // standard output is for events alone
	}
	w.plan = watch.NewPlan(watch.Options{
		Root: root, Named: line.Line.Packages(), Chdir: c.WatchChdir, Clear: c.WatchClear, Vet: w.vet,
	})
	if isTerminal(os.Stdin) && !control.HasKeys() {
		fmt.Fprintln(os.Stderr, "pgtest: --watch: no keys: the terminal can't be held")
	}
	w.do(w.plan.Begin())
	for !w.over {
		w.next()
	}
	w.drop()
	if w.problem != nil {
		return ownError(c.Gotestsum), w.problem
	}
	return 0, nil
}

// next handles an event.
func (w *watcher) next() {
	var signalled <-chan signals.Event
	if w.ended == nil {
		signalled = w.control.Events()
	}
	var answered chan func() []watch.Step
	if w.aside != nil {
		answered = w.aside.done
	}
	select {
	case e := <-signalled:
		w.control.Idle(e)
		w.endIfAsked()
	case key := <-w.control.Keys():
		w.do(w.plan.Key(key))
	case b := <-w.files.Bursts:
		w.do(w.plan.Saved(b))
	case err := <-w.files.Problems:
		w.do(w.plan.Problem(err))
	case answer := <-answered:
		w.aside.cancel()
		w.aside = nil
		w.do(answer())
	case res := <-w.ended:
		w.ended = nil
		w.cancel()
		w.do(w.plan.RunEnded(w.outcome(res)))
	}
}

// endIfAsked ends the watch if a signal asks for it while no tests run.
func (w *watcher) endIfAsked() {
	switch {
	case !w.control.Ending():
		return
	case w.control.Cause() == unix.SIGINT:
		quit, steps := w.plan.Interrupted()
		if !quit {
			w.control.Renew()
		}
		w.over = quit
		w.do(steps)
	default:
		w.over = true
	}
}

// outcome says what came of a run. A signal that ended the run ends the watch,
// unless it was a Ctrl-C that came while tests ran.
func (w *watcher) outcome(res harness.Result) watch.Outcome {
	o := watch.Outcome{Failed: make(map[string][]string)}
	for _, p := range res.Report.Packages {
		if p.NoEnd || p.End == result.Interrupted {
			continue
		}
		o.Done = append(o.Done, p.Path)
		if p.End.Failed() {
			tests := []string{}
			for _, t := range p.Failed {
				tests = append(tests, t.Name)
			}
			o.Failed[p.Path] = tests
		}
	}
	switch cause := w.control.Cause(); {
	case cause == unix.SIGINT && !w.ranWhole(res, o.Done):
		o.Stopped = true
	case cause != 0:
		w.over = true
		return o
	}
	w.control.Renew()
	return o
}

// ranWhole reports whether a run is known to have come to its end by itself: the
// Ctrl-C came after its last test.
func (w *watcher) ranWhole(res harness.Result, done []string) bool {
	if res.Report.Empty || len(done) < len(res.Report.Packages) {
		return false
	}
	return res.ExitCode == 0 || len(w.run.Packages) > 0 && !slices.ContainsFunc(w.run.Packages, func(pkg string) bool {
		return !slices.Contains(done, pkg)
	})
}

// do carries out steps.
func (w *watcher) do(steps []watch.Step) {
	for _, s := range steps {
		if w.over {
			return
		}
		switch s.Verb {
		case watch.Print:
			io.WriteString(w.out, s.Text)
		case watch.Clear:
			io.WriteString(w.out, "\033[H\033[2J\n")
		case watch.Load:
			w.begin(w.load)
		case watch.Vet:
			w.begin(func(ctx context.Context) func() []watch.Step { return w.runVet(ctx, s.Run) })
		case watch.Drop:
			w.drop()
		case watch.Start:
			w.start(s.Run)
		case watch.Cancel:
			w.cancel()
		case watch.Report:
			unix.Kill(os.Getpid(), unix.SIGUSR1)
		case watch.Debug:
			w.do(w.plan.Debugged(w.debug(s)))
		case watch.Quit:
			w.over, w.problem = true, s.Err
		}
	}
}

// start starts a run.
func (w *watcher) start(r watch.Run) {
	w.run = r
	line := *w.line
	line.Line = w.lineOf(r)
	line.Dir = r.Dir
	if w.vet {
		line.Line = line.Line.With("vet", "off")
	}
	if r.TestFiles && !w.keepsDebugInfo() {
		line.Line = line.Line.With("gcflags", r.Packages[0]+"=-dwarf=false")
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel, w.ended = cancel, make(chan harness.Result, 1)
	go func(ended chan<- harness.Result) {
		res, _, err := runTests(ctx, &line, w.control)
		if err != nil && ctx.Err() == nil {
			w.control.After("a message", func() { printError(err) })
		}
		ended <- res
	}(w.ended)
}

// keepsDebugInfo reports whether the user chooses how packages are compiled, or
// asks for what makes go test keep debug information. Otherwise the linker drops
// it, and the compiler need not write any for a package that no other uses.
func (w *watcher) keepsDebugInfo() bool {
	for _, name := range []string{"gcflags", "c", "o", "blockprofile", "cpuprofile", "memprofile", "mutexprofile", "trace", "compiler"} {
		if w.line.Line.Value(name) != "" || strings.Contains(gotest.Env("GOFLAGS"), "-"+name+"=") {
			return true
		}
	}
	return w.line.RawCommand
}

// lineOf returns go test's command line for a run.
func (w *watcher) lineOf(r watch.Run) gotest.Line {
	line := w.line.Line
	if len(r.Packages) > 0 && !slices.Contains(r.Packages, fileArguments) && !w.line.RawCommand {
		line = line.WithPackages(r.Packages[0], r.Packages[1:]...)
	}
	if r.Pattern != "" {
		line = line.With("run", r.Pattern)
	}
	if r.Update {
		line = line.WithArgument("-update")
	}
	return line
}

// fileArguments is what go calls the package of files that stand on its command
// line.
const fileArguments = "command-line-arguments"

// begin starts a command beside the watch. f returns what is to be done with its
// answer.
func (w *watcher) begin(f func(context.Context) func() []watch.Step) {
	ctx, cancel := context.WithCancel(context.Background())
	a := &aside{cancel, make(chan func() []watch.Step, 1)}
	w.aside = a
	go func() { a.done <- f(ctx) }()
}

// drop ends what begin started. It waits for its end: a run reaps what it finds.
func (w *watcher) drop() {
	if w.aside != nil {
		w.aside.cancel()
		<-w.aside.done
		w.aside = nil
	}
}

// load asks go for the packages, and watches their directories.
func (w *watcher) load(ctx context.Context) func() []watch.Step {
	dirs := []string{""}
	if w.line.WatchChdir {
		dirs = modules(w.root)
	}
	named := w.line.Line.Packages()
	if w.line.RawCommand {
		named = []string{"./..."}
	}
	var outputs []io.Reader
	var failed error
	for _, dir := range dirs {
		patterns := named
		if w.line.WatchChdir && dir != w.root {
			patterns = []string{"./..."}
		}
		out, err := harness.GoAside(ctx, dir, graphWords(w.line.Line, patterns))
		outputs = append(outputs, bytes.NewReader(out))
		failed = errors.Join(failed, err)
	}
	g, err := reach.ParseList(outputs...)
	count := 0
	switch {
	case err != nil:
		g = nil
	case len(g.Packages()) == 0:
		g, err = nil, failed
		if err == nil {
			err = fmt.Errorf("--watch: no packages match %s", strings.Join(named, " "))
		}
	default:
		count, err = w.files.Watch(g, w.trees(named))
		if err != nil {
			err = fmt.Errorf("--watch: %w", err)
		}
	}
	return func() []watch.Step { return w.plan.Loaded(g, count, err) }
}

// graphWords are those of the go command that lists what a graph is made of.
func graphWords(line gotest.Line, patterns []string) []string {
	words := append([]string{"list", "-e", "-deps", "-test", "-json=" + reach.ListFields}, line.FileFlags()...)
	return append(append(words, "--"), patterns...)
}

// modules returns the directories of the modules below a directory, and the
// directory itself if it is part of one.
func modules(root string) []string {
	var dirs []string
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case d.IsDir() && path != root && watch.Ignores(d.Name()):
			return fs.SkipDir
		case !d.IsDir() && d.Name() == "go.mod":
			dirs = append(dirs, filepath.Dir(path))
		}
		return nil
	})
	for dir := root; !slices.Contains(dirs, root); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return append(dirs, root)
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return dirs
}

// trees are the directories below which there may be new packages.
func (w *watcher) trees(named []string) []string {
	if w.line.WatchChdir {
		return []string{w.root}
	}
	var trees []string
	for _, pattern := range named {
		dir, _, several := strings.Cut(pattern, "...")
		switch {
		case !several:
		case strings.HasPrefix(dir, "."):
			trees = append(trees, filepath.Join(w.root, dir))
		case filepath.IsAbs(dir):
			trees = append(trees, filepath.Clean(dir))
		default:
			trees = append(trees, w.root)
		}
	}
	return trees
}

// runVet has go vet check what go test checks before it runs tests.
func (w *watcher) runVet(ctx context.Context, r watch.Run) func() []watch.Step {
	packages := w.lineOf(r).Packages()
	args := append([]string{"vet"}, w.line.Line.FileFlags()...)
	args = append(append(args, gotest.VetFlags...), "--")
	out, err := harness.GoAside(ctx, r.Dir, append(args, packages...))
	text := string(out)
	if err != nil {
		text += err.Error() + "\n"
	}
	return func() []watch.Step { return w.plan.Vetted(text) }
}

// debug has another pgtest debug the tests of a run.
func (w *watcher) debug(s watch.Step) error {
	if _, err := debugger.Find(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// Those of the environment would be added.
	args := []string{"--packages="}
	for _, test := range append(s.Tests, "") {
		args = append(args, "--debug-test="+test)
	}
	line := w.line.Line.WithPackages(s.Run.Packages[0])
	cmd := exec.Command(self, append(append(args, "--"), line.Words()...)...)
	if w.line.WatchChdir {
		cmd.Dir = s.Run.Dir
	}
	return w.control.RunInForeground(cmd)
}
