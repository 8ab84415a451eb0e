// Package fuzz is the role of pgtest that fuzzes targets one after another
// (`pgtest __fuzz`), each by a go test of its own. It prints their events as those
// of one run, and at the end what was found.
package fuzz

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/internal/pattern"
	"pgtest/harness/internal/words"
	"pgtest/harness/plural"
	"pgtest/harness/steady"
)

// Role is the first argument of a program that runs [Main].
const Role = "__fuzz"

// Options are the role's settings.
type Options struct {
	// Time is for all targets together.
	Time time.Duration
	// Targets are in the order in which they are fuzzed, as [Target.Word] returns
	// them.
	Targets []string
}

// A Target is a fuzz target of a package.
type Target struct{ Package, Dir, Name string }

// Word returns the target as a word of a command line.
func (t Target) Word() string { return strings.Join([]string{t.Package, t.Dir, t.Name}, "\t") }

// least is the time that a target has at least, unless all together have less.
const least = 3 * time.Second

// Main runs the role with its options and a command line of go test, and returns
// go test's exit status.
func Main(args []string) int {
	var opts Options
	command, err := words.Parse(Role, args, &opts)
	if err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		return 2
	}
	// The go test that runs has the same signal.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer stop()
	var targets []Target
	for _, word := range opts.Targets {
		t := strings.Split(word, "\t")
		targets = append(targets, Target{t[0], t[1], t[2]})
	}
	s := newSession(gotest.Parse(command[1:]), targets, steady.Writer(os.Stdout))
	s.run(ctx, opts.Time)
	s.summarize(steady.Writer(os.Stderr))
	if slices.ContainsFunc(s.targets, func(o *outcome) bool { return o.failed }) {
		return 1
	}
	return 0
}

// session is the work of the role.
type session struct {
	line    gotest.Line
	targets []*outcome
	events  printer
}

func newSession(line gotest.Line, targets []Target, w io.Writer) *session {
	s := &session{line: line, events: printer{to: w, now: time.Now, packages: make(map[string]*pkg)}}
	for _, t := range targets {
		s.targets = append(s.targets, &outcome{Target: t})
		s.events.of(t.Package).left++
	}
	return s
}

// An outcome is what came of a target.
type outcome struct {
	Target
	ran, seeded        bool // it was fuzzed, or its seeds were run, for which there is always time
	failed             bool
	began              time.Time // when its test binary did
	took               time.Duration
	execs, interesting int
	crash              string // file of the failing input, or "" if it is none
	repeat             string // a value for -run that fails
}

// share divides time among targets.
type share struct{ least, left time.Duration }

// next returns the time of the first of so many targets to come, 0 for none.
func (s *share) next(targets int) time.Duration {
	if s.left < s.least/2 {
		return 0
	}
	return max(s.left/time.Duration(targets), s.least)
}

// run fuzzes the targets. What one does not use of its share is for the others;
// the time of builds is nobody's. Of those for which no time is left it runs the
// seeds.
func (s *session) run(ctx context.Context, limit time.Duration) {
	budget := share{min(least, limit), limit}
	for i, o := range s.targets {
		if ctx.Err() != nil {
			return
		}
		if s.events.of(o.Package).broken {
			continue
		}
		own := budget.next(len(s.targets) - i)
		o.ran, o.seeded, o.began = own > 0, own == 0, s.events.now()
		err := s.fuzz(ctx, o, own)
		o.took = s.events.now().Sub(o.began)
		o.failed = o.failed || err != nil && ctx.Err() == nil
		if o.ran && !s.events.of(o.Package).broken {
			budget.left -= o.took
		}
	}
}

// awaitSignal waits until ctx is done, if a signal to all may have ended go test: it
// may get here after that.
func awaitSignal(ctx context.Context, err error) {
	if err == nil {
		return
	}
	patience := 100 * time.Millisecond
	var exit *exec.ExitError
	if errors.As(err, &exit) && !exit.Exited() {
		patience = 10 * time.Second
	}
	select {
	case <-ctx.Done():
	case <-time.After(patience):
	}
}

// fuzz runs go test, with the seeds alone if the share is 0. What a target prints once
// it has failed is held back until go test has ended, and is known to be no crash of
// the signal's making.
func (s *session) fuzz(ctx context.Context, o *outcome, share time.Duration) error {
	line := s.line.With("json", "true").WithPackages(o.Package)
	if share > 0 {
		line = line.With("run", "^$").With("fuzztime", share.Round(time.Millisecond).String()).With("fuzz", "^"+o.Name+"$")
	} else {
		line = line.With("run", pattern.Exact(o.Name))
	}
	cmd := exec.Command("go", append([]string{"test"}, line.Words()...)...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		return err
	}
	var held [][]byte
	lines := bufio.NewReader(stdout)
	for err == nil {
		var line []byte
		line, err = lines.ReadBytes('\n')
		switch {
		case len(line) == 0:
		case len(held) > 0 || isFailure(line):
			held = append(held, line)
		default:
			s.events.line(line, o)
		}
	}
	err = cmd.Wait()
	awaitSignal(ctx, err)
	if file, is := ofSignal(held, o); is && ctx.Err() != nil {
		os.Remove(file)
	} else {
		for _, line := range held {
			s.events.line(line, o)
		}
	}
	s.events.drop(o.Package)
	return err
}

// isFailure reports whether a line begins what a target prints when it fails.
func isFailure(line []byte) bool {
	var e event
	return json.Unmarshal(line, &e) == nil && strings.HasPrefix(e.Output, "--- FAIL: ")
}

// ofSignal reports whether a target failed because a worker had the signal before
// the process that it works for, which takes that for a crash, and returns the file
// of the input.
func ofSignal(lines [][]byte, o *outcome) (file string, is bool) {
	seen := *o
	for _, line := range lines {
		var e event
		if json.Unmarshal(line, &e) == nil && e.Test == o.Name {
			seen.read(e.Output)
			is = is || signalled().MatchString(e.Output)
		}
	}
	return seen.crash, is
}

var (
	progress = lazy(`^fuzz: elapsed: \S+, execs: (\d+) .*new interesting: (\d+)`)
	written  = lazy(`^\s*Failing input written to (.*)\n`)
	// A worker that crashes has another status.
	signalled = lazy(`^\s*fuzzing process hung or terminated unexpectedly: (<nil>|signal: interrupt)\n`)
	seed      = lazy(`^\s*failure while testing seed corpus entry: (\S+)\n`)
)

// lazy compiles an expression when it is first used: other roles never do.
func lazy(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// read takes what a target prints.
func (o *outcome) read(text string) {
	if m := progress().FindStringSubmatch(text); m != nil {
		o.execs, _ = strconv.Atoi(m[1])
		o.interesting, _ = strconv.Atoi(m[2])
	}
	if m := written().FindStringSubmatch(text); m != nil {
		o.crash = filepath.Join(o.Dir, filepath.FromSlash(m[1]))
		o.repeat = o.Name + "/" + filepath.Base(m[1])
	}
	if m := seed().FindStringSubmatch(text); m != nil {
		o.repeat = m[1]
	}
}

// summarize prints what was found.
func (s *session) summarize(w io.Writer) {
	var text bytes.Buffer
	tested, failed, execs, interesting := 0, 0, 0, 0
	var late, seeded []string
	for _, o := range s.targets {
		switch {
		case !o.ran && !o.seeded && !s.events.of(o.Package).broken:
			late = append(late, o.Name)
		case o.seeded && !o.failed:
			seeded = append(seeded, o.Name)
		case s.events.of(o.Package).broken:
			fmt.Fprintf(&text, "pgtest: --fuzz-all: %s %s: it is not built\n", o.Package, o.Name)
		case o.failed && o.repeat == "":
			fmt.Fprintf(&text, "pgtest: --fuzz-all: %s %s failed\n", o.Package, o.Name)
		case o.failed:
			where := ""
			if o.crash != "" {
				where = ": " + shown(o.crash)
			}
			fmt.Fprintf(&text, "pgtest: --fuzz-all: %s %s crashed%s\n    go test -run='%s' %s\n", o.Package, o.Name, where, pattern.Exact(o.repeat), o.Package)
		case o.ran:
			fmt.Fprintf(&text, "pgtest: --fuzz-all: %s %s: %s, %s in %v\n", o.Package, o.Name,
				plural.Count(o.execs, "execution", "executions"), plural.Count(o.interesting, "new interesting input", "new interesting inputs"), o.took.Round(time.Second))
		}
		if o.ran || o.seeded {
			tested++
		}
		if o.failed {
			failed++
		}
		execs, interesting = execs+o.execs, interesting+o.interesting
	}
	if len(seeded) > 0 {
		fmt.Fprintf(&text, "pgtest: --fuzz-all: no time to fuzz %s, of which the seeds were run: %s\n", plural.Count(len(seeded), "target", "targets"), strings.Join(seeded, ", "))
	}
	if len(late) > 0 {
		fmt.Fprintf(&text, "pgtest: --fuzz-all: the run ended before %s: %s\n", plural.Count(len(late), "target", "targets"), strings.Join(late, ", "))
	}
	fmt.Fprintf(&text, "pgtest: --fuzz-all: %s, %d failed; %s, %s\n", plural.Count(tested, "target", "targets"), failed,
		plural.Count(execs, "execution", "executions"), plural.Count(interesting, "new interesting input", "new interesting inputs"))
	w.Write(text.Bytes())
}

// shown is a path as the user would type it.
func shown(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// printer prints the events of several go tests as those of one: a package with
// several targets begins and ends once.
type printer struct {
	to       io.Writer
	now      func() time.Time
	packages map[string]*pkg
}

type pkg struct {
	left                    int // targets to come
	started, failed, broken bool
	ended                   bool // by the last go test
	elapsed                 float64
}

func (p *printer) of(path string) *pkg {
	if p.packages[path] == nil {
		p.packages[path] = new(pkg)
	}
	return p.packages[path]
}

// event is what decides where a line goes.
type event struct {
	Time                          time.Time
	Action, Package, Test, Output string
	Elapsed                       float64
	FailedBuild                   string
}

// line prints a line of go test, or keeps it for the end of its package.
func (p *printer) line(line []byte, o *outcome) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		p.to.Write(line)
		return
	}
	if e.Test == o.Name {
		o.read(e.Output)
	}
	if e.Test == o.Name && e.Action == "run" {
		o.began = p.now()
	}
	if e.Action == "fail" && strings.HasPrefix(e.Test, o.Name+"/") {
		o.repeat = e.Test
	}
	o.failed = o.failed || e.Action == "fail"
	pkg := p.of(e.Package)
	switch {
	case e.Test != "":
	case e.Action == "start":
		before := pkg.started
		pkg.started, pkg.ended = true, false
		if before {
			return
		}
	case e.Action == "output" && isUnbuilt(e.Output), e.FailedBuild != "":
		pkg.broken = true
	case e.Action == "output" && isVerdict(e.Output):
		return
	case e.Action == "pass", e.Action == "fail", e.Action == "skip":
		pkg.ended, pkg.failed = true, pkg.failed || e.Action == "fail"
		pkg.elapsed += e.Elapsed
		return
	}
	p.to.Write(line)
}

// isUnbuilt reports whether a line is what go test prints of a package that it can't
// build, or whose imports it does not find.
func isUnbuilt(text string) bool {
	return strings.HasSuffix(text, " [build failed]\n") || strings.HasSuffix(text, " [setup failed]\n")
}

// isVerdict reports whether a line is what go test prints at the end of a package.
func isVerdict(text string) bool {
	return text == "PASS\n" || text == "FAIL\n" || strings.HasPrefix(text, "ok  \t") || strings.HasPrefix(text, "FAIL\t") || strings.HasPrefix(text, "exit status ")
}

// drop says that a target of a package is done. With the last one the package ends.
func (p *printer) drop(path string) {
	pkg := p.of(path)
	pkg.left--
	if pkg.left > 0 || !pkg.ended {
		return
	}
	verdict, action := "ok  ", "pass"
	if pkg.failed {
		verdict, action = "FAIL", "fail"
	}
	for _, e := range []any{
		struct {
			Time                    time.Time
			Action, Package, Output string
		}{p.now(), "output", path, fmt.Sprintf("%s\t%s\t%.3fs\n", verdict, path, pkg.elapsed)},
		struct {
			Time            time.Time
			Action, Package string
			Elapsed         float64
		}{p.now(), action, path, pkg.elapsed},
	} {
		if line, err := json.Marshal(e); err == nil {
			p.to.Write(append(line, '\n'))
		}
	}
}
