//go:build linux

package terminal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pgtest/harness/harnesstest"
	"pgtest/signals/ptytest"
)

// A way to run the pipeline: at the prompt of a shell, or from a script that an
// interactive bash runs.
type way struct {
	name   string
	shell  string // the interactive shell
	script string // what to type for the script; "" to type the pipeline itself
	file   string // the script's file
	text   string // its text, with the pipeline for %s
}

var ways = []way{
	{name: "bash", shell: "bash"},
	{name: "zsh", shell: "zsh"},
	{name: "fish", shell: "fish"},
	{name: "dash script", shell: "bash", script: "dash script", file: "script", text: "%s\necho next > next\n"},
	{name: "bash script", shell: "bash", script: "bash script", file: "script", text: "%s\necho next > next\n"},
	{name: "make", shell: "bash", script: "make", file: "Makefile", text: "test:\n\t%s\n\techo next > next\n"},
}

func (w way) interactive() bool { return w.script == "" }

// both returns the status for a shell that runs the pipeline itself, or for one
// that runs a script.
func (w way) both(shell, script string) string {
	if w.interactive() {
		return shell
	}
	return script
}

// shellWays are the ways in which an interactive shell runs the pipeline itself,
// scriptWays the others.
var shellWays, scriptWays = ways[:3], ways[3:]

// job is a pipeline that runs in a terminal.
type job struct {
	*ptytest.Interactive
	t   *testing.T
	way way
	dir string
}

// start runs `pgtest <args> 2>&1 | <reader>` some way. env is added to the
// environment of all.
func start(t *testing.T, w way, env []string, args, reader string) *job {
	t.Helper()
	return startLine(t, w, env, args, "2>&1 | "+reader)
}

// startOnTerminal runs `pgtest <args>` in an interactive shell.
func startOnTerminal(t *testing.T, w way, args string) *job {
	t.Helper()
	return startLine(t, w, []string{"TERM=xterm"}, args, "")
}

// startLine runs `pgtest <args> <rest>` some way.
func startLine(t *testing.T, w way, env []string, args, rest string) *job {
	t.Helper()
	t.Parallel()
	if !w.interactive() {
		harnesstest.Need(t, strings.Fields(w.script)[0])
	}
	dir := t.TempDir()
	for _, sub := range []string{"tmp", "ready"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	env = append(env, "TMPDIR="+dir+"/tmp", "READY="+dir+"/ready", "LESS=", "LESSHISTFILE=-", "GOFLAGS=-buildvcs=false", "GOENV=off", "CI=")
	j := &job{Interactive: ptytest.StartShell(t, w.shell, dir, append(env, keepCaches()...)...), t: t, way: w, dir: dir}
	// -C is go test's own way to work elsewhere.
	line := fmt.Sprintf("%s -C %s -count=1 -vet=off --junitfile %s/junit.xml %s %s", pgtestPath, modulePath, dir, args, rest)
	if w.interactive() {
		switch w.shell {
		case "bash":
			j.Enter("set -o pipefail") // for the status of fg
			j.AwaitPrompt()
		case "zsh":
			j.Enter("setopt pipefail")
			j.AwaitPrompt()
		}
		j.Enter(line)
		return j
	}
	if err := os.WriteFile(filepath.Join(dir, w.file), []byte(fmt.Sprintf(w.text, line)), 0o644); err != nil {
		t.Fatal(err)
	}
	j.Enter(w.script)
	return j
}

// keepCaches names the directory for caches, which would move with the home
// directory of a terminal's shell. Those of the go command are named already.
func keepCaches() []string {
	cache, _ := os.UserCacheDir()
	return []string{"XDG_CACHE_HOME=" + cache}
}

// awaitTests waits until the tests named run.
func (j *job) awaitTests(names ...string) {
	j.t.Helper()
	for _, name := range names {
		j.Until("test "+name+" to run", func() bool {
			_, err := os.Stat(filepath.Join(j.dir, "ready", name))
			return err == nil
		})
	}
}

// awaitHeld waits until the keeper has the terminal.
func (j *job) awaitHeld() {
	j.t.Helper()
	j.Until("a keeper to have the terminal", func() bool {
		keepers := j.Find("__keeper")
		return len(keepers) == 1 && j.Foreground() == keepers[0].Pid
	})
}

func (j *job) read(name string) string {
	text, err := os.ReadFile(filepath.Join(j.dir, name))
	if err != nil {
		return ""
	}
	return string(text)
}

// awaitOutput waits until the reader has something.
func (j *job) awaitOutput(text string) {
	j.t.Helper()
	j.Until(fmt.Sprintf("%q in the output", text), func() bool {
		return strings.Contains(j.read("log"), text) || strings.Contains(j.Screen(), text)
	})
}

// The processes of a running job that Ctrl-Z must stop, and the run itself.
const run = `/pgtest -count=1`

var stoppable = []string{run, `^go test|/go test`, `^/\S*/plain\.test `, `^/\S*/careful\.test `}

// awaitStates waits until all processes of the job are stopped, or none is.
func (j *job) awaitStates(stopped bool, reader string) {
	j.t.Helper()
	patterns := append(slices.Clone(stoppable), reader)
	j.Until(fmt.Sprintf("stopped %v of %q", stopped, patterns), func() bool {
		processes := j.Processes()
		return !slices.ContainsFunc(patterns, func(pattern string) bool {
			found := ptytest.Matching(processes, pattern)
			return len(found) != 1 || (found[0].State == 'T') != stopped
		})
	})
}

// checkEnd checks what must hold after every way to end a run: nothing is left.
func (j *job) checkEnd() {
	j.t.Helper()
	j.Gone("^[^-]*/|^(tee|cat|less|head|make|dash|sleep)( |$)|^bash script|^sh ")
	if left, _ := filepath.Glob(filepath.Join(j.dir, "tmp", "*[-]*")); len(left) > 0 { // fish.root is fish's
		j.t.Errorf("left in the temporary directory: %v", left)
	}
}

// checkJUnit checks that the report is whole and marks the running test.
func (j *job) checkJUnit(test, reason string) {
	j.t.Helper()
	j.Until("the JUnit report", func() bool { return j.read("junit.xml") != "" })
	report := j.read("junit.xml")
	for _, want := range []string{`type="interrupted"`, fmt.Sprintf("name=%q", test), "</testsuites>", "by " + reason} {
		if !strings.Contains(report, want) {
			j.t.Errorf("no %s in the JUnit report:\n%s", want, report)
		}
	}
}

// checkLog checks that the log has everything to the end.
func (j *job) checkLog(wants ...string) {
	j.t.Helper()
	log := j.read("log")
	wants = append(wants, "=== Interrupted", `=== INTERRUPTED: plain TestPlain/sub \(\d+\.\d\ds\)`, `plain runs`,
		`\nDONE \d+ tests, .*\d interrupted in \d+\.\d+s\n$`)
	for _, want := range wants {
		if !regexp.MustCompile(want).MatchString(log) {
			j.t.Errorf("no %q in the log:\n%s", want, log)
		}
	}
	if strings.Contains(log, "panic: ") && strings.Contains(log, "pgtest/signals") {
		j.t.Errorf("pgtest panicked:\n%s", log)
	}
}

// checkStatuses checks the statuses that the shell has for the members of the
// pipeline, or for the script.
func (j *job) checkStatuses(want string) {
	j.t.Helper()
	if got := j.Statuses(); got != want {
		j.t.Errorf("status %s; want %s", got, want)
	}
}

// checkNext checks whether a script went on behind the pipeline.
func (j *job) checkNext(want bool) {
	j.t.Helper()
	if got := j.read("next") != ""; !j.way.interactive() && got != want {
		j.t.Errorf("the script went on: %v; want %v", got, want)
	}
}

// checkOver checks what must hold after every way to end a run in a shell: that
// has its terminal, and nothing is left.
func (j *job) checkOver() {
	j.t.Helper()
	j.CheckTerminal()
	j.checkEnd()
}

// A gesture is something that a user does to a running job, and what comes of it.
type gesture struct {
	name   string
	env    []string
	do     func(j *job, reader string)
	status map[string]string // by way; "" is for interactive shells, "script" for other ways
	log    []string          // beyond what checkLog asks for
	reason string            // in the JUnit report
	next   string            // ways whose script goes on
	resume bool              // the job was continued by fg
}

const cleanedUp = "cleaned up after"

var gestures = []gesture{
	{
		name:   "Ctrl-C",
		do:     func(j *job, _ string) { j.Type(ptytest.CtrlC) },
		status: map[string]string{"": "130 0", "script": "130"},
		log:    []string{cleanedUp + " interrupt", "pgtest: interrupt: the tests have 10s to end; Ctrl-C again kills them at once"},
		reason: "SIGINT",
	},
	{
		name: "Ctrl-C twice",
		env:  []string{"STUBBORN=1"},
		do: func(j *job, _ string) {
			j.Type(ptytest.CtrlC)
			j.awaitOutput("Ctrl-C again")
			j.awaitTests("stubborn")
			j.Type(ptytest.CtrlC)
		},
		status: map[string]string{"": "130 0", "script": "130"},
		log:    []string{"does not care for interrupt", "INTERRUPTED: careful TestCareful"},
		reason: "SIGINT",
	},
	{
		name:   `Ctrl-\`,
		do:     func(j *job, _ string) { j.Type(ptytest.CtrlBackslash) },
		status: map[string]string{"": "131 0", "script": "131", "bash script": "0", "make": "1"},
		log:    []string{"SIGQUIT: quit", `goroutine \d+ `, `careful.TestCareful\(`, `plain.TestPlain`},
		reason: "SIGQUIT",
		next:   "bash script", // bash ignores SIGQUIT
	},
	{
		name: "Ctrl-Z fg",
		do: func(j *job, reader string) {
			for range 2 {
				j.suspend(reader)
				j.Enter("fg")
				j.awaitStates(false, reader)
				j.awaitHeld()
			}
			j.Type(ptytest.CtrlC)
		},
		status: map[string]string{"": "130", "script": "130", "fish": "0"},
		log:    []string{cleanedUp + " interrupt"},
		reason: "SIGINT",
		resume: true,
	},
	{
		name: "Ctrl-Z bg fg",
		do: func(j *job, reader string) {
			j.suspend(reader)
			j.Enter("bg")
			j.awaitStates(false, reader)
			j.Until("the shell to keep its terminal", func() bool { return j.Foreground() == j.Shell.Process.Pid })
			j.Enter("fg")
			j.awaitHeld()
			j.Type(ptytest.CtrlC)
		},
		status: map[string]string{"": "130", "script": "130", "fish": "0"},
		log:    []string{cleanedUp + " interrupt"},
		reason: "SIGINT",
		resume: true,
	},
	{
		name:   "SIGTERM",
		do:     func(j *job, _ string) { j.Signal(j.One(run), unix.SIGTERM) },
		status: map[string]string{"": "143 0", "script": "0"},
		log:    []string{cleanedUp + " terminated"},
		reason: "SIGTERM",
		next:   "dash script, bash script, make", // the pipeline's status is the reader's
	},
}

// suspend types Ctrl-Z and waits until the shell has its terminal and everything
// has stopped.
func (j *job) suspend(reader string) {
	j.t.Helper()
	j.Type(ptytest.CtrlZ)
	j.AwaitPrompt()
	j.awaitStates(true, reader)
}

// The readers of the matrix, and what finds them among the processes.
var readers = []struct{ name, command, pattern string }{
	{"tee", "tee log", `^tee log`},
	{"cat", "cat > log", `^cat$`},
}

func TestMatrix(t *testing.T) {
	for _, w := range ways {
		for _, g := range gestures {
			for _, reader := range readers {
				t.Run(w.name+"/"+g.name+"/"+reader.name, func(t *testing.T) {
					j := start(t, w, g.env, "./plain ./careful", reader.command)
					j.awaitTests("plain", "careful")
					j.awaitHeld()
					g.do(j, reader.pattern)
					j.AwaitPrompt()
					j.checkStatuses(g.statusOf(w))
					j.checkLog(g.log...)
					j.checkJUnit("TestPlain/sub", g.reason)
					j.checkNext(strings.Contains(g.next, w.name))
					j.checkOver()
				})
			}
		}
	}
}

// statusOf returns the statuses that the shell has for the job.
func (g gesture) statusOf(w way) string {
	if status, special := g.status[w.name]; special {
		return status
	}
	return w.both(g.status[""], g.status["script"])
}
