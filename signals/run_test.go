//go:build linux

package signals_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"pgtest/signals"
	"pgtest/signals/ptytest"
)

// TestMain gives the test binary two more roles: the keeper, and a toy run that
// has one test. The toy is `toy <grace> <test command>`.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "__keeper":
			os.Exit(signals.Keeper(os.Args[2:]))
		case "toy":
			toy(os.Args[2], os.Args[3])
		}
	}
	goleak.VerifyTestMain(m)
}

// toyRun is a run whose only test is a shell command in a session of its own.
type toyRun struct{ test *exec.Cmd }

func toy(graceWord, command string) {
	grace, _ := time.ParseDuration(graceWord)
	var keeper []string
	if os.Getenv("TOY_TTY") != "off" {
		self, err := os.Executable()
		if err != nil {
			panic(err)
		}
		keeper = []string{self, "__keeper"}
	}
	control := signals.Start(signals.Options{Grace: grace, Keeper: keeper, Output: os.Stdout, Errors: os.Stderr})
	run := &toyRun{test: exec.Command("sh", "-c", command)}
	run.test.Stdout, run.test.Stderr = os.Stdout, os.Stderr
	run.test.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := run.test.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		control.Exit(2)
	}
	fmt.Println("toy: running")
	ended := make(chan error, 1)
	go func() { ended <- run.test.Wait() }()
	for {
		select {
		case e := <-control.Events():
			control.Handle(e, run)
		case err := <-ended:
			if _, werr := fmt.Println("toy: summary:", err); werr != nil {
				control.OutputClosed(run)
			}
			control.Exit(0)
		}
	}
}

func (r *toyRun) InterruptGo()                   {}
func (r *toyRun) KillGo()                        {}
func (r *toyRun) SignalTests(sig syscall.Signal) { unix.Kill(-r.test.Process.Pid, sig) }
func (r *toyRun) Stop()                          { r.SignalTests(unix.SIGSTOP) }
func (r *toyRun) Continue()                      { r.SignalTests(unix.SIGCONT) }
func (r *toyRun) Explain(line string)            { fmt.Fprintln(os.Stderr, line) }
func (r *toyRun) Report()                        { fmt.Fprintln(os.Stderr, "toy: report") }

// open starts a bash in an empty directory, with the toy on its PATH.
func open(t *testing.T, env ...string) *ptytest.Interactive {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "pg")); err != nil {
		t.Fatal(err)
	}
	// The race detector makes each process wait a second at its end.
	return ptytest.StartShell(t, "bash", dir, append(env, "GORACE=atexit_sleep_ms=0")...)
}

// awaitKeeper waits until a keeper has the terminal, and returns it.
func awaitKeeper(sh *ptytest.Interactive) ptytest.Process {
	keeper := sh.One("__keeper")
	sh.Until("the keeper to have the terminal", func() bool { return sh.Foreground() == keeper.Pid })
	return keeper
}

func log(t *testing.T, sh *ptytest.Interactive) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(sh.Shell.Dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const endless = "./pg toy 60s 'exec sleep 1000' 2>&1 | tee log"

func TestCtrlCSparesTheReader(t *testing.T) {
	sh := open(t)
	sh.Enter(endless)
	sh.Expect("toy: running")
	awaitKeeper(sh)
	sh.Type(ptytest.CtrlC)
	sh.AwaitPrompt()
	if got := sh.Statuses(); got != "130 0" {
		t.Errorf("statuses %s, want 130 0", got)
	}
	sh.CheckTerminal()
	for _, want := range []string{"pgtest: interrupt: the tests have 1m0s to end; Ctrl-C again", "toy: summary: signal: interrupt"} {
		if !strings.Contains(log(t, sh), want) {
			t.Errorf("no %q in the log:\n%s", want, log(t, sh))
		}
	}
	sh.Gone("pg |tee|sleep")
}

// A test that ignores the signal dies of the second one, without waiting.
func TestSecondSignalKills(t *testing.T) {
	sh := open(t)
	sh.Enter(`./pg toy 1h 'trap "" INT; echo ar""med; sleep 1000 & wait; sleep 1000' 2>&1 | tee log`)
	sh.Expect("armed")
	awaitKeeper(sh)
	sh.Type(ptytest.CtrlC)
	sh.Expect("Ctrl-C again kills them at once")
	sh.Type(ptytest.CtrlC)
	sh.AwaitPrompt()
	if got := sh.Statuses(); got != "130 0" {
		t.Errorf("statuses %s, want 130 0", got)
	}
	if !strings.Contains(log(t, sh), "toy: summary: signal: killed") {
		t.Errorf("log:\n%s", log(t, sh))
	}
}

func TestGraceOver(t *testing.T) {
	sh := open(t)
	sh.Enter(`./pg toy 200ms 'trap "" TERM; echo ar""med; sleep 1000 & wait; sleep 1000' 2>&1 | tee log`)
	sh.Expect("armed")
	sh.Signal(sh.One("pg toy"), unix.SIGTERM)
	sh.Expect("pgtest: killing the tests that did not end in 200ms")
	sh.AwaitPrompt()
	if got := sh.Statuses(); got != "143 0" {
		t.Errorf("statuses %s, want 143 0", got)
	}
}

func TestSuspend(t *testing.T) {
	sh := open(t)
	// The status of fg is that of the whole pipeline.
	sh.Enter("set -o pipefail")
	sh.AwaitPrompt()
	sh.Enter(endless)
	sh.Expect("toy: running")
	awaitKeeper(sh)
	sh.One("^sleep")
	for range 3 {
		sh.Type(ptytest.CtrlZ)
		sh.Expect("Stopped")
		sh.AwaitPrompt()
		for _, pattern := range []string{"pg toy", "^tee", "^sleep"} {
			sh.Until(pattern+" to be stopped", func() bool { return sh.One(pattern).State == 'T' })
		}
		sh.Enter("bg")
		for _, pattern := range []string{"pg toy", "^tee", "^sleep"} {
			sh.Until(pattern+" to run", func() bool { return sh.One(pattern).State == 'S' })
		}
		sh.AwaitPrompt()
		sh.Enter("fg")
		awaitKeeper(sh)
		sh.Type(ptytest.CtrlZ)
		sh.Expect("Stopped")
		sh.AwaitPrompt()
		sh.Enter("fg")
		awaitKeeper(sh)
	}
	sh.Type(ptytest.CtrlC)
	sh.AwaitPrompt()
	if got := sh.Statuses(); got != "130" {
		t.Errorf("status %s, want 130", got)
	}
}

// The keeper goes when the run is killed, and the shell has its terminal.
func TestRunKilled(t *testing.T) {
	sh := open(t)
	sh.Enter(endless)
	sh.Expect("toy: running")
	awaitKeeper(sh)
	test := sh.One("^sleep")
	sh.Signal(sh.One("pg toy"), unix.SIGKILL)
	sh.Gone("__keeper")
	sh.Signal(test, unix.SIGKILL) // it holds tee's pipe
	sh.AwaitPrompt()
	if got := sh.Statuses(); got != "137 0" {
		t.Errorf("statuses %s, want 137 0", got)
	}
	sh.CheckTerminal()
}

// A script is no shell that would take the terminal itself: its next line finds
// it only if the keeper has given it back.
func TestRunKilledInScript(t *testing.T) {
	sh := open(t)
	script := endless + "\nread answer </dev/tty\necho \"answer: $answer.\"\n"
	if err := os.WriteFile(filepath.Join(sh.Shell.Dir, "script"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	sh.Enter("dash script")
	sh.Expect("toy: running")
	awaitKeeper(sh)
	test, run := sh.One("^sleep"), sh.One("pg toy")
	sh.Signal(run, unix.SIGKILL)
	sh.Gone("__keeper")
	sh.Signal(test, unix.SIGKILL) // it holds tee's pipe
	sh.Until("the script to have the terminal", func() bool { return sh.Foreground() == run.Group })
	sh.Enter("yes")
	sh.Expect("answer: yes\\.")
	sh.AwaitPrompt()
}

// The run takes the terminal back from a keeper that was killed, and Ctrl-C
// reaches it directly.
func TestKeeperKilled(t *testing.T) {
	sh := open(t)
	sh.Enter(`./pg toy 60s 'exec sleep 1000' 2>&1 | (trap "" INT; tee log)`)
	sh.Expect("toy: running")
	sh.Signal(awaitKeeper(sh), unix.SIGKILL)
	run := sh.One("pg toy")
	sh.Until("the job to have the terminal", func() bool { return sh.Foreground() == run.Group })
	if state := sh.One("pg toy").State; state == 'T' {
		t.Error("the run was stopped")
	}
	sh.Type(ptytest.CtrlC)
	sh.AwaitPrompt()
	if got := sh.Statuses(); got != "130 0" {
		t.Errorf("statuses %s, want 130 0", got)
	}
}

func TestNoHandOver(t *testing.T) {
	tests := []struct {
		name, before, line string
		env                []string
	}{
		{name: "terminal", line: "./pg toy 60s 'exec sleep 1000'"},
		{name: "file", line: "./pg toy 60s 'exec sleep 1000' >log 2>&1"},
		{name: "tostop", before: "stty tostop", line: endless},
		{name: "off", line: endless, env: []string{"TOY_TTY=off"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sh := open(t, test.env...)
			if test.before != "" {
				sh.Enter(test.before)
				sh.AwaitPrompt()
			}
			sh.Enter(test.line)
			sh.One("^sleep")
			run := sh.One("pg toy")
			// What the run would do, it would do before its test starts.
			if keepers := sh.Find("__keeper"); len(keepers) > 0 || sh.Foreground() != run.Group {
				t.Errorf("foreground %d, job %d, keepers %v", sh.Foreground(), run.Group, keepers)
			}
			sh.Type(ptytest.CtrlC)
			sh.AwaitPrompt()
			if got := sh.Statuses(); !strings.HasPrefix(got, "130") {
				t.Errorf("statuses %s, want 130", got)
			}
			sh.Gone("pg |tee|sleep")
		})
	}
}

// A child is stopped with the job if the job is stopped before the child has
// left it. The run does not wait for it then.
func TestStoppedChild(t *testing.T) {
	sh := open(t)
	sh.Enter(`./pg toy 60s 'kill -STOP $$; echo contin""ued; exec sleep 1000' 2>&1 | tee log`)
	sh.Expect("continued\r\n")
	sh.Type(ptytest.CtrlC)
	sh.AwaitPrompt()
	sh.Gone("pg |tee|sleep")
}

// A job in the background does not touch the terminal, until it is brought to
// the foreground: bash sends no signal then, the job is running already.
func TestBackground(t *testing.T) {
	sh := open(t)
	sh.Enter(endless + " &")
	sh.Expect("toy: running")
	sh.One("^sleep")
	if keepers := sh.Find("__keeper"); len(keepers) > 0 || sh.Foreground() != sh.Shell.Process.Pid {
		t.Errorf("foreground %d, keepers %v", sh.Foreground(), keepers)
	}
	sh.Enter("fg")
	awaitKeeper(sh)
	sh.Type(ptytest.CtrlC)
	sh.Until("the shell to have its terminal", func() bool { return sh.Foreground() == sh.Shell.Process.Pid })
	sh.Gone("pg |tee|sleep")
	if !strings.Contains(log(t, sh), "toy: summary: signal: interrupt") {
		t.Errorf("log:\n%s", log(t, sh))
	}
}

// A silent test behind a pager that quit: the run ends without having to write.
func TestReaderGone(t *testing.T) {
	sh := open(t)
	sh.Enter(`./pg toy 60s 'exec sleep 1000' | head -1`)
	sh.AwaitPrompt()
	if got := sh.Statuses(); got != "141 0" {
		t.Errorf("statuses %s, want 141 0", got)
	}
	sh.Gone("pg |head|sleep")
}

func TestReport(t *testing.T) {
	sh := open(t)
	sh.Enter("ulimit -c unlimited")
	sh.AwaitPrompt()
	// The test itself must not dump core, nor keep tee waiting.
	sh.Enter(`./pg toy 60s 'trap "exit 3" QUIT; echo tr""apped; sleep 1000 >/dev/null 2>&1 & wait' 2>&1 | tee log`)
	sh.Expect("trapped\r\n")
	sh.Signal(sh.One("pg toy"), unix.SIGUSR1)
	sh.Expect("toy: report")
	sh.Signal(sh.One("pg toy"), unix.SIGQUIT)
	sh.AwaitPrompt()
	if got := sh.Statuses(); got != "131 0" {
		t.Errorf("statuses %s, want 131 0", got)
	}
	if cores, _ := filepath.Glob(filepath.Join(sh.Shell.Dir, "core*")); len(cores) > 0 || strings.Contains(sh.Screen(), "core dumped") {
		t.Errorf("dumped core %v", cores)
	}
}

// A script's background job ignores SIGINT and leaves the script its terminal.
func TestIgnoredInterrupt(t *testing.T) {
	sh := open(t)
	script := "./pg toy 60s 'exec sleep 1000' 2>&1 | tee log & echo in the background; wait\n"
	if err := os.WriteFile(filepath.Join(sh.Shell.Dir, "script"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	sh.Enter("dash script")
	sh.Expect("in the background")
	sh.Expect("toy: running")
	sh.One("^sleep")
	if keepers := sh.Find("__keeper"); len(keepers) > 0 {
		t.Errorf("keepers %v", keepers)
	}
	sh.Type(ptytest.CtrlC)
	sh.AwaitPrompt()
	run := sh.One("pg toy")
	sh.Signal(run, unix.SIGINT)
	sh.Signal(run, unix.SIGUSR1)
	sh.Expect("toy: report")
	sh.Signal(run, unix.SIGTERM)
	sh.Gone("pg |tee|sleep")
	if !strings.Contains(log(t, sh), "toy: summary: signal: terminated") {
		t.Errorf("log:\n%s", log(t, sh))
	}
}

// Cancelling leaves the process's signals alone.
func TestCancel(t *testing.T) {
	control := signals.New(time.Minute)
	defer control.Finish()
	run := &toyRun{test: exec.Command("sleep", "1000")}
	run.test.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := run.test.Start(); err != nil {
		t.Fatal(err)
	}
	control.Cancel(run)
	if err := run.test.Wait(); err == nil || err.Error() != "signal: terminated" {
		t.Errorf("the test ended with %v", err)
	}
	if control.Cause() != 0 || !control.Ending() || control.Late() != unix.SIGTERM {
		t.Errorf("cause %v, ending %v, late %v", control.Cause(), control.Ending(), control.Late())
	}
}
