// Package archived is the role of pgtest that does go test's part for the tests of
// an archive (`pgtest __archived`): it unpacks them, starts a supervisor for each
// package, as many at once as go test would, and prints the events that go test
// -json prints. It knows no more of the run than go test does.
package archived

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"pgtest/harness/archive"
	"pgtest/harness/gotest"
	"pgtest/harness/internal/words"
	"pgtest/harness/steady"
	"pgtest/jsonstream/test2json"
)

// Role is the first argument of a program that runs [Main].
const Role = "__archived"

// Options are the role's settings.
type Options struct{ Archive string }

// usageStatus is go test's for a command line that it refuses. Nothing has run
// then.
const usageStatus = 2

// Main runs the role with its options and a command line of go test, and returns
// go test's exit status.
func Main(args []string) int {
	var opts Options
	command, err := words.Parse(Role, args, &opts)
	if err == nil && command[0] != "test" {
		err = fmt.Errorf("%s: no command line of go test", Role)
	}
	status := usageStatus
	if err == nil {
		status, err = run(opts, gotest.Parse(command[1:]))
	}
	if err != nil {
		fmt.Fprintf(steady.Writer(os.Stderr), "pgtest: %v\n", err)
	}
	return status
}

// A session is what the packages have in common.
type session struct {
	header     *archive.Header
	line       gotest.Line
	set        gotest.Settings
	dir        string // where the archive is unpacked
	supervisor []string
	args       []string // of the test binaries
	limit      limit
	dialect    test2json.Dialect
	profile    *profile // nil without -coverprofile
	events     locked

	failed   atomic.Bool
	stopping <-chan struct{} // closed when nothing new is to begin
}

func run(opts Options, line gotest.Line) (status int, err error) {
	// As for the go command, SIGINT means to begin nothing new.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGQUIT)
	defer stop()
	h, err := archive.Open(opts.Archive)
	if err != nil {
		return usageStatus, err
	}
	wd, err := os.Getwd()
	if err != nil {
		return usageStatus, err
	}
	s := &session{header: h, line: line, set: line.Settings(), stopping: ctx.Done(), dialect: test2json.DialectOf(h.GoVersion())}
	s.events.to = steady.Writer(os.Stdout)
	if s.supervisor, err = gotest.SplitQuoted(line.Value("exec")); err != nil {
		return usageStatus, err
	}
	if s.args, err = line.TestArgs(wd); err != nil {
		return usageStatus, err
	}
	atOnce := runtime.GOMAXPROCS(0)
	if p := line.Value("p"); p != "" {
		if atOnce, err = strconv.Atoi(p); err != nil || atOnce < 1 {
			return usageStatus, fmt.Errorf("-p=%s: must be a positive number", p)
		}
	}
	if s.set.Bench != "" {
		atOnce = 1
	}
	s.limit = limitOf(s.args, s.set)
	packages, unmatched := h.Select(line.Packages())
	for _, pattern := range unmatched {
		if !strings.Contains(pattern, "...") {
			return usageStatus, fmt.Errorf("%s: no package of %s", pattern, opts.Archive)
		}
		fmt.Fprintf(os.Stderr, "pgtest: warning: %q matched no packages\n", pattern)
	}
	if flag := line.ProfileFlag(); flag != "" && len(packages) != 1 {
		return usageStatus, fmt.Errorf("cannot use %s flag with multiple packages", flag)
	}
	if len(packages) == 0 {
		return 1, errors.New("no packages to test")
	}
	if err := s.unpack(ctx, opts.Archive, packages); err != nil {
		if ctx.Err() != nil {
			return 1, nil
		}
		return usageStatus, err
	}
	if s.profile, err = newProfile(s.set, wd, h.CoverMode); err != nil {
		return usageStatus, err
	}
	s.runAll(packages, atOnce)
	if err := s.profile.close(); err != nil {
		return 1, err
	}
	if s.failed.Load() {
		return 1, nil
	}
	return 0, nil
}

// unpack unpacks the archive into the run's directory, unless the round before
// has. No later round has other packages than the first.
func (s *session) unpack(ctx context.Context, path string, packages []*archive.Package) error {
	parent := os.Getenv("GOTMPDIR")
	if parent == "" {
		return fmt.Errorf("%s: it is a role of a run", Role)
	}
	s.dir = filepath.Join(parent, "archive")
	whole := filepath.Join(parent, "archive.unpacked")
	if _, err := os.Stat(whole); err == nil {
		return nil
	}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return err
	}
	wanted := func(binary string) bool {
		return slices.ContainsFunc(packages, func(p *archive.Package) bool { return p.Binary == binary })
	}
	if err := archive.Unpack(ctx, path, s.dir, wanted); err != nil {
		return err
	}
	return os.WriteFile(whole, nil, 0o600)
}

// runAll runs the packages, atOnce of them at once. They start in their order.
func (s *session) runAll(packages []*archive.Package, atOnce int) {
	slots := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	defer running.Wait()
	for _, p := range packages {
		select {
		case <-s.stopping:
		case slots <- struct{}{}:
		}
		select {
		case <-s.stopping:
			s.failed.Store(true)
			return
		default:
		}
		if s.set.FailFast && s.failed.Load() {
			return
		}
		events := test2json.New(&s.events, p.ImportPath, s.dialect)
		running.Go(func() {
			defer func() { <-slots }()
			ok := s.runPackage(p, events)
			if !ok {
				s.failed.Store(true)
			}
			events.Close(!ok)
		})
	}
}

// A limit is how long a test binary may take: the kill comes when its own
// -test.timeout has not ended it. The zero limit is none.
type limit struct{ kill, wait time.Duration }

func limitOf(args []string, set gotest.Settings) limit {
	timeout := gotest.DefaultTimeout
	for _, arg := range args {
		if value, ok := strings.CutPrefix(arg, "-test.timeout="); ok {
			timeout, _ = time.ParseDuration(value)
		}
	}
	if timeout <= 0 || set.Bench != "" {
		return limit{}
	}
	kill, wait := gotest.KillAfter(timeout)
	return limit{kill, wait}
}

// locked writes one event at a time.
type locked struct {
	mu sync.Mutex
	to interface{ Write([]byte) (int, error) }
}

func (l *locked) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(line)
}
