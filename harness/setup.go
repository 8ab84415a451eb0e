package harness

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/internal/control"
	"pgtest/harness/internal/watchdog"
	"pgtest/jsonstream/result"
)

// SetupVariable names to a setup the file for its variables.
const SetupVariable = "PGTEST_ENV"

// A Setup is a command that runs once in a run, before the first package that it is
// for. If the results of all of these are cached it does not run. It writes lines
// KEY=value for the environment of the packages to the file that PGTEST_ENV names.
// What it leaves running lives until all tests have ended, as does its TMPDIR, a
// directory of its own. If it fails, so do the packages.
type Setup struct {
	Name     string
	Command  []string
	Dir      string // where it runs
	Where    string // it stands in a file, for the user
	packages gotest.Patterns
}

// InPackages restricts the setup to packages whose import path one of the patterns
// matches, as the go command matches it. Without any it is for all.
func (s *Setup) InPackages(patterns ...string) {
	s.packages.Add(patterns...)
}

// IsFor reports whether a package needs the setup.
func (s *Setup) IsFor(path string) bool { return s.packages.Match(path) }

// A setup is a Setup in a run.
type setup struct {
	Setup
	begun, over bool
	env         []string // for the packages
	failure     string   // why it failed, and what it printed; "" if it has not
}

func setupsOf(cfg Config) []setup {
	var all []setup
	for _, s := range cfg.Setups {
		all = append(all, setup{Setup: s})
	}
	return all
}

// afterSetups asks for a place for a package whose setups are ready, or else begins
// them. For its processes they are, since it has its place.
func (p *plan) afterSetups(key place, at time.Time) []step {
	w := p.asking[key]
	w.setup = ""
	var steps []step
	for n := range p.setups {
		s := &p.setups[n]
		switch {
		case !s.IsFor(w.Package) || p.asked != 0:
		case s.failure != "":
			delete(p.asking, key)
			refusal := control.Order{Refused: s.failure}
			return append(steps, w.note(at), step{verb: send, to: key.of, order: refusal})
		case !s.begun:
			s.begun = true
			steps = append(steps, step{verb: beginSetup, setup: n})
			fallthrough
		case !s.over:
			w.setup = s.Name
		}
	}
	if p.asking[key] = w; w.setup != "" {
		return steps
	}
	return append(steps, p.grant(p.places.Ask(key, p.need(w.Asks)), at)...)
}

// setupEnded handles the end of a setup's command.
func (p *plan) setupEnded(n int, env []string, failure string, at time.Time) []step {
	p.setups[n].over, p.setups[n].env, p.setups[n].failure = true, env, failure
	var steps []step
	for _, s := range p.present {
		if key := (place{s, 0}); p.asking[key].setup != "" {
			steps = append(steps, p.afterSetups(key, at)...)
		}
	}
	return steps
}

// signalSetups passes a signal on to the setups that have not ended. What others have
// left running is what tests may need to end, until all of them have. A setup is not
// killed with the tests: it has a moment to remove what it has made.
func (p *plan) signalSetups(sig syscall.Signal) []step {
	if sig == syscall.SIGKILL && !p.endsSetups {
		return nil
	}
	var steps []step
	for n, s := range p.setups {
		if s.begun && (!s.over || sig == syscall.SIGKILL) {
			steps = append(steps, step{verb: signalSetup, setup: n, signal: sig})
		}
	}
	return steps
}

// setupEnv is what the setups of a package say for its environment.
func (p *plan) setupEnv(pkg string) []string {
	var env []string
	for n := range p.setups {
		if s := &p.setups[n]; s.IsFor(pkg) {
			env = append(env, s.env...)
		}
	}
	return env
}

// startSetup starts a setup below a watchdog, which is the parent of what it leaves.
func (i *invocation) startSetup(n int) {
	w, err := i.setupCommand(n)
	if err != nil {
		failure := fmt.Sprintf("pgtest: setup %s: %v [setup failed]\n", i.plan.setups[n].Name, err)
		i.do(i.plan.setupEnded(n, nil, failure, time.Now()))
		return
	}
	i.setups[n] = w
	go func() {
		<-w.Ended()
		select {
		case i.setupEnded <- n:
		case <-i.over:
		}
	}()
}

// setupFile is one of a setup's files in the run's directory.
func (i *invocation) setupFile(n int, kind string) string {
	return filepath.Join(i.listener.Dir(), fmt.Sprintf("setup%d.%s", n, kind))
}

// setupDir is a setup's directory for temporary files. It lies beside the run's, whose
// path is longer, and which nobody else can enter: a socket in it has a short path, and
// a setup that runs as root can give it to another user.
func (i *invocation) setupDir(n int) string { return fmt.Sprintf("%s.%d", i.listener.Dir(), n) }

func (i *invocation) setupCommand(n int) (*watchdog.Watchdog, error) {
	s := i.plan.setups[n].Setup
	path := s.Command[0]
	if strings.Contains(path, "/") && !filepath.IsAbs(path) {
		path = filepath.Join(s.Dir, path)
	}
	path, err := exec.LookPath(path)
	if err != nil {
		return nil, notFound(s.Command[0], err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(i.setupFile(n, "env"), nil, 0o600); err != nil {
		return nil, err
	}
	out, err := os.Create(i.setupFile(n, "out"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(path, s.Command[1:]...)
	cmd.Args[0], cmd.Dir, cmd.Stdout, cmd.Stderr = s.Command[0], s.Dir, out, out
	cmd.Env = append(withoutPlaces(slices.Clone(i.environ())), SetupVariable+"="+i.setupFile(n, "env"), "PGTEST_RUN_ID="+i.plan.runID, "TMPDIR="+i.setupDir(n), "PWD="+s.Dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	w, err := watchdog.StartGentle([]string{self, watchdog.Role}, i.setupDir(n), cmd)
	if err != nil {
		return nil, bare(err)
	}
	return w, nil
}

// takeSetup handles the end of a setup's command.
func (i *invocation) takeSetup(n int) {
	name := i.plan.setups[n].Name
	var env []string
	var err error
	switch status, known := i.setups[n].Status(); {
	case !known:
		err = fmt.Errorf("its parent was killed")
	case status.Signaled():
		err = fmt.Errorf("signal: %v", status.Signal())
	case status.ExitStatus() != 0:
		err = fmt.Errorf("exit status %d", status.ExitStatus())
	default:
		env, err = readVariables(i.setupFile(n, "env"))
	}
	failure := ""
	if err != nil {
		failure = i.setupOutput(n) + fmt.Sprintf("pgtest: setup %s: %v [setup failed]\n", name, err)
	}
	i.do(i.plan.setupEnded(n, env, failure, time.Now()))
}

// maxSetupOutput bounds what is shown of what a setup that failed printed: its end.
const maxSetupOutput = 64 << 10

func (i *invocation) setupOutput(n int) string {
	f, err := os.Open(i.setupFile(n, "out"))
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	text := make([]byte, min(info.Size(), maxSetupOutput))
	read, _ := f.ReadAt(text, info.Size()-int64(len(text)))
	said := strings.ToValidUTF8(string(text[:read]), "\uFFFD")
	if said != "" && !strings.HasSuffix(said, "\n") {
		said += "\n"
	}
	return said
}

// readVariables reads lines KEY=value. Empty lines say nothing.
func readVariables(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("PGTEST_ENV: %w", bare(err))
	}
	defer f.Close()
	var env []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxVariable)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		name, _, ok := strings.Cut(line, "=")
		switch {
		case line == "":
			continue
		case !ok || name == "" || strings.ContainsAny(name, " \t") || strings.Contains(line, "\x00"):
			return nil, fmt.Errorf("PGTEST_ENV: line %d is not KEY=value: %.100q", n, line)
		case SetsVariable(name):
			return nil, fmt.Errorf("PGTEST_ENV: line %d: %s is set by pgtest", n, name)
		}
		env = append(env, line)
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("PGTEST_ENV: a line has more than %d KiB", maxVariable>>10)
	case err != nil:
		return nil, fmt.Errorf("PGTEST_ENV: %w", err)
	}
	return env, nil
}

// maxVariable is what Linux takes at most.
const maxVariable = 128 << 10

// endSetups ends setups and what they left running, all at once, and removes their
// directories. All of it has some time to end by itself, and little when the tests were
// killed, or the plan says so meanwhile.
func (i *invocation) endSetups() {
	i.plan.endsSetups = true
	patience := watchdog.GentlePatience
	if i.plan.asked == syscall.SIGKILL {
		patience = time.Second
	}
	i.serveDuring(func() {
		var all sync.WaitGroup
		for n, w := range i.setups {
			all.Go(func() {
				w.FinishGently(patience)
				os.RemoveAll(i.setupDir(n)) // a watchdog that was killed has left it
			})
		}
		all.Wait()
	})
	i.setups = nil
}

// note says how long the request was one.
func (r request) note(until time.Time) step {
	return step{verb: note, note: result.Waited{Package: r.Package, Process: r.Process > 0, From: r.since, To: until}}
}
